#include "manager/cli/dry_run.hpp"

#include "manager/cli/diagnostics.hpp"
#include "manager/engine/observe_project.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"

namespace stack::cli {

namespace {

constexpr const char* kPrefix = "DRY-RUN MODE - ";

/// `before`: lines of what is done before the plan.
int print_plan(const Context& context, const plan::Plan& plan, const std::string& before = {}) {
    std::string text;
    for (const std::string& warning : plan.warnings)
        write_all(context.err.fd, render_warning(warning, context.err.colour), "stderr");
    for (const std::string& line : split(before + plan::plan_text(plan), '\n'))
        if (!line.empty()) text += kPrefix + line + "\n";
    if (text.empty()) text = std::string{kPrefix} + "nothing to do\n";
    write_all(context.out.fd, text, "stdout");
    return 0;
}

plan::ObservedState look(const Context& context, const std::string& name, const compose::Project* project) {
    return engine::observe_project(context.paths, engine::load_project_state(context.paths, name), project);
}

}  // namespace

int dry_run_up(const Context& context, const compose::Project& project, const plan::ImagePlan& images,
               const plan::UpOptions& options) {
    return print_plan(context, plan::plan_up(project, look(context, project.name, &project), options),
                      plan::image_plan_text(images));
}

int dry_run_down(const Context& context, const std::string& name, const compose::Project* project,
                 const plan::DownOptions& options) {
    return print_plan(context, plan::plan_down(name, project, look(context, name, project), options));
}

int dry_run_select(const Context& context, const std::string& name, const compose::Project* project,
                   const SelectCommand& command) {
    const plan::ObservedState observed = look(context, name, project);
    switch (command.verb) {
        case SelectCommand::Verb::start:
            return print_plan(context, plan::plan_start(project, observed, command.options));
        case SelectCommand::Verb::stop:
            return print_plan(context, plan::plan_stop(project, observed, command.options));
        case SelectCommand::Verb::restart:
            return print_plan(context, plan::plan_restart(project, observed, command.options));
        case SelectCommand::Verb::kill:
            break;
    }
    return print_plan(context, plan::plan_kill(project, observed, command.options));
}

}  // namespace stack::cli
