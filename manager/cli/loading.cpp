#include "manager/cli/loading.hpp"

#include "runtime/base/fd.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

/// Warnings on a terminal get colour; errors go first because a reader looks at the top.
void print_diagnostics(const Context& context, const compose::LoadResult& result) {
    if (result.diagnostics.empty()) return;
    const std::string text = compose::render(result.diagnostics, result.sources, context.err.colour);
    write_all(context.err.fd, text, "stderr");
}

void print_json(const Context& context, const compose::LoadResult& result) {
    nlohmann::json list = nlohmann::json::array();
    for (const compose::Diagnostic& diagnostic : result.diagnostics) list.push_back(to_json(diagnostic));
    const auto replace = nlohmann::json::error_handler_t::replace;
    write_all(context.err.fd, list.dump(2, ' ', false, replace) + "\n", "stderr");
}

/// No file was named and none found: the loader complains about no place in particular.
bool no_file_found(const compose::LoadResult& result) {
    return std::any_of(
        result.diagnostics.begin(), result.diagnostics.end(),
        [](const compose::Diagnostic& d) { return d.code == "no-file" && d.position.file.empty(); });
}

/// All but the text of stdin, which can be read once.
compose::LoadRequest request_of(const GlobalOptions& globals) {
    compose::LoadRequest request;
    request.files = globals.files;
    request.cwd = std::filesystem::current_path().string();
    request.project_name = globals.project_name;
    request.project_directory = globals.project_directory;
    request.env_files = globals.env_files;
    request.profiles = globals.profiles;
    request.environment = shell_environment();
    return request;
}

}  // namespace

std::map<std::string, std::string> shell_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry; ++entry) {
        const std::string_view text{*entry};
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return variables;
}

compose::LoadRequest load_request(const Context& context) {
    const std::vector<std::string>& files = context.globals.files;
    compose::LoadRequest request = request_of(context.globals);
    if (std::find(files.begin(), files.end(), "-") != files.end())
        request.stdin_text = read_all(STDIN_FILENO, "stdin");
    return request;
}

std::map<std::string, std::string> steering_variables(const GlobalOptions& globals) {
    std::error_code gone;  // commands that need no project run in a directory that was removed, too
    static_cast<void>(std::filesystem::current_path(gone));
    return gone ? shell_environment() : compose::environment_without_file(request_of(globals));
}

compose::LoadResult load_project(const Context& context, const compose::LoadRequest& request,
                                 DiagnosticFormat format) {
    compose::LoadResult result = compose::load(request);
    if (format == DiagnosticFormat::json)
        print_json(context, result);
    else
        print_diagnostics(context, result);
    if (!result.project) throw AlreadyReported{};
    return result;
}

compose::Project load_for_looking(const Context& context, const std::vector<std::string>& services) {
    compose::LoadRequest load = load_request(context);
    load.selected_services = {services.begin(), services.end()};
    load.purpose = compose::LoadPurpose::inspect;
    return std::move(*load_project(context, load).project);
}

NamedProject load_project_or_name(const Context& context) {
    compose::LoadRequest request = load_request(context);
    request.all_profiles = true;
    request.purpose = compose::LoadPurpose::inspect;
    compose::LoadResult result = compose::load(request);
    if (!result.project && request.files.empty() && no_file_found(result))
        if (std::optional<std::string> name = compose::project_name_without_file(request))
            return {std::move(*name), {}};
    print_diagnostics(context, result);
    if (!result.project) throw AlreadyReported{};
    std::string name = result.project->name;
    return {std::move(name), std::move(result.project)};
}

}  // namespace stack::cli
