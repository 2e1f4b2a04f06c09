#include "manager/cli/service_choice.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <optional>

#include <fmt/format.h>

namespace stack::cli {

void check_service(const compose::Project& project, const std::string& where, const std::string& name) {
    if (project.services.contains(name)) return;
    Error error{ErrorKind::invalid_input,
                fmt::format("{}no such service: {}", where.empty() ? "" : where + ": ", name)};
    std::vector<std::string> names;
    names.reserve(project.services.size());
    for (const auto& [known, service] : project.services) names.push_back(known);
    if (const std::optional<std::string> near = nearest(name, names))
        error.with_hint(fmt::format("did you mean \"{}\"?", *near));
    throw error;
}

void add_with_dependencies(const compose::Project& project, const std::string& name,
                           std::set<std::string>& into) {
    if (!into.insert(name).second) return;
    const auto service = project.services.find(name);
    if (service == project.services.end()) return;
    for (const auto& [dependency, how] : service->second.depends_on)
        add_with_dependencies(project, dependency, into);
}

std::set<std::string> choose_services(const compose::Project& project, const std::vector<std::string>& names,
                                      bool with_dependencies) {
    std::set<std::string> chosen;
    for (const std::string& name : names) {
        check_service(project, {}, name);
        if (with_dependencies)
            add_with_dependencies(project, name, chosen);
        else
            chosen.insert(name);
    }
    if (names.empty())
        for (const auto& [name, service] : project.services) chosen.insert(name);
    return chosen;
}

}  // namespace stack::cli
