#include "manager/compose/loader.hpp"

#include "manager/compose/assemble.hpp"
#include "manager/compose/consistency.hpp"
#include "manager/compose/decode.hpp"
#include "manager/compose/discovery.hpp"
#include "manager/compose/document.hpp"
#include "manager/compose/normalize.hpp"

namespace stack::compose {

namespace {

class Load {
  public:
    explicit Load(const LoadRequest& request)
        : request_{request}, reader_{request.cwd, DocumentLimits{}.file_bytes + 1} {}

    LoadResult run() {
        LoadResult result;
        if (std::optional<Discovery> found = discover(request_, reader_, reporter_)) {
            discovery_ = std::move(*found);
            result.project = load_project(result);
            result.environment = std::move(discovery_.variables);
        }
        if (reporter_.failed()) result.project.reset();
        result.diagnostics = reporter_.take(discovery_.files);
        result.sources = std::move(reader_.sources);
        return result;
    }

  private:
    std::optional<Project> load_project(LoadResult& result) {
        const std::optional<Assembly> assembly = assemble(request_, discovery_, reader_, tree_, reporter_);
        if (!assembly) return std::nullopt;
        Decoded decoded = decode(tree_, *assembly->root, {discovery_.project_directory, home()}, reporter_);
        Project& project = decoded.project;
        project.name = assembly->project_name;
        project.files = discovery_.files;
        project.env_files = discovery_.env_files;
        result.known_profiles = profile_names(project);
        apply_profiles(project, active_profiles(project));
        normalize(project, discovery_.variables);
        for (auto& [key, service] : project.services)
            resolve_environment(service, decoded.env_files[key], request_.resolve_env_files,
                                discovery_.variables, reader_, reporter_);
        if (request_.check_consistency && assembly->complete) check_consistency(project, reporter_);
        return std::move(project);
    }

    [[nodiscard]] std::string home() const {
        const auto found = discovery_.variables.find("HOME");
        return found == discovery_.variables.end() ? "/root" : found->second;
    }

    // ---- profiles ------------------------------------------------------------------------------------------------

    [[nodiscard]] std::set<std::string> active_profiles(const Project& project) const {
        if (request_.all_profiles) return {"*"};
        std::vector<std::string> given = request_.profiles;
        if (given.empty())
            if (const auto found = discovery_.variables.find("COMPOSE_PROFILES");
                found != discovery_.variables.end())
                given = comma_list(found->second);
        std::set<std::string> profiles(given.begin(), given.end());
        for (const std::string& name : request_.selected_services) {
            const auto service = project.services.find(name);
            if (service != project.services.end())
                profiles.insert(service->second.profiles.begin(), service->second.profiles.end());
        }
        return profiles;
    }

    const LoadRequest& request_;
    Reporter reporter_;
    SourceReader reader_;
    Tree tree_;
    Discovery discovery_;
};

}  // namespace

LoadResult load(const LoadRequest& request) {
    return Load{request}.run();
}

std::optional<std::string> project_name_without_file(const LoadRequest& request) {
    if (!request.project_name.empty()) return given_project_name(request, {});
    // `.env` is looked for where load() would look first; without it only the shell can say.
    Reporter ignored;
    SourceReader reader{request.cwd, DocumentLimits{}.file_bytes};
    const std::optional<Discovery> found = discover(request, reader, ignored);
    return given_project_name(request, found ? found->variables : request.environment);
}

}  // namespace stack::compose
