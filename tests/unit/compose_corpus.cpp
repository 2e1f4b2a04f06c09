#include "tests/unit/compose_corpus.hpp"

#include "tests/support/paths.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <yaml-cpp/yaml.h>

namespace stack::compose::test {

const std::string kCorpus = stack::test::source_path("tests/golden/compose/corpus");

std::vector<std::string> corpus_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{kCorpus})
        names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

LoadRequest corpus_request(const std::string& name) {
    const std::string directory = kCorpus + "/" + name;
    LoadRequest request;
    request.cwd = directory;
    request.purpose = LoadPurpose::inspect;
    request.environment = {{"HOME", "/home/user"},
                           {"PWD", directory},
                           {"ADMIN_PASSWORD", "secret"},
                           {"FROM_SHELL", "shell value"},
                           {"GF_FROM_SHELL", "shell value"}};
    if (!std::filesystem::exists(directory + "/request.yaml")) return request;
    using Texts = std::vector<std::string>;
    for (const auto& entry : YAML::LoadFile(directory + "/request.yaml")) {
        const auto key = entry.first.as<std::string>();
        if (key == "directory")
            request.cwd = directory + "/" + entry.second.as<std::string>();
        else if (key == "files")
            request.files = entry.second.as<Texts>();
        else if (key == "env_files")
            request.env_files = entry.second.as<Texts>();
        else if (key == "profiles")
            request.profiles = entry.second.as<Texts>();
        else if (key == "project_name")
            request.project_name = entry.second.as<std::string>();
        else if (key == "environment")
            for (const auto& variable : entry.second)
                request.environment[variable.first.as<std::string>()] = variable.second.as<std::string>();
        else
            throw std::runtime_error{name + "/request.yaml: unknown key " + key};
    }
    return request;
}

}  // namespace stack::compose::test
