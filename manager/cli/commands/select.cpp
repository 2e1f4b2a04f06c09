// `stack start`, `stop`, `restart` and `kill`: one request each on containers that exist.
#include "manager/cli/commands.hpp"
#include "manager/cli/diagnostics.hpp"
#include "manager/cli/dry_run.hpp"
#include "manager/cli/loading.hpp"
#include "manager/cli/operation.hpp"
#include "manager/engine/project_store.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::cli {

namespace {

struct VerbText {
    const char* target;
    const char* title;
};

VerbText text_of(SelectCommand::Verb verb) {
    switch (verb) {
        case SelectCommand::Verb::start:
            return {"/v1/start", "Starting"};
        case SelectCommand::Verb::stop:
            return {"/v1/stop", "Stopping"};
        case SelectCommand::Verb::restart:
            return {"/v1/restart", "Restarting"};
        case SelectCommand::Verb::kill:
            break;
    }
    return {"/v1/kill", "Killing"};
}

}  // namespace

int run_select(const Context& context, const SelectCommand& command) {
    NamedProject named = load_project_or_name(context);
    const compose::Project* project = named.project ? &*named.project : nullptr;
    if (context.globals.dry_run) return dry_run_select(context, named.name, project, command);
    const engine::ProjectState state = engine::load_project_state(context.paths, named.name);
    if (state.containers.empty()) {
        if (command.verb == SelectCommand::Verb::start || command.verb == SelectCommand::Verb::restart)
            throw Error{ErrorKind::not_found, fmt::format("project \"{}\" has no containers", named.name)}
                .with_hint("`stack up` creates them");
        const std::string text =
            command.verb == SelectCommand::Verb::kill ? "No container to kill" : "No container to stop";
        write_all(context.err.fd, render_warning(text, context.err.colour), "stderr");
        return 0;
    }
    const VerbText text = text_of(command.verb);
    control::SelectRequest request;
    request.options = command.options;
    request.parallel = context.globals.parallel;
    const std::string name = named.name;
    request.project = std::move(named.project);
    return run_operation(context, name, text.target, control::to_json(request), text.title);
}

}  // namespace stack::cli
