#include "manager/compose/discovery.hpp"

#include "manager/compose/paths.hpp"
#include "manager/compose/short_syntax.hpp"
#include "manager/compose/variables.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr const char* kFileNames[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                      "docker-compose.yaml"};
constexpr const char* kOverrideNames[] = {"compose.override.yml", "compose.override.yaml",
                                          "docker-compose.override.yml", "docker-compose.override.yaml"};

std::string value_of(const Variables& variables, const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string{} : found->second;
}

class Discoverer {
  public:
    Discoverer(const LoadRequest& request, SourceReader& reader, Reporter& reporter)
        : request_{request}, reader_{reader}, reporter_{reporter} {}

    std::optional<Discovery> run() {
        const std::string given = request_.project_directory.empty()
                                      ? std::string{}
                                      : absolute_path(request_.cwd, request_.project_directory);
        // The first guess at the project directory: `.env` may name the files (COMPOSE_FILE).
        std::string directory = given;
        if (directory.empty() && !request_.files.empty() && request_.files[0] != "-")
            directory = directory_of(absolute_path(request_.cwd, request_.files[0]));
        if (directory.empty()) directory = request_.cwd;
        if (!read_env_files(directory)) return std::nullopt;
        if (!find_files(directory)) return std::nullopt;
        const bool from_stdin = result_.files[0] == kStdinName;
        result_.project_directory = !given.empty() ? given
                                    : from_stdin   ? request_.cwd
                                                   : directory_of(result_.files[0]);
        // Found in a parent directory: its `.env` counts as well.
        if (result_.project_directory != directory && !explicit_env_files_ &&
            !read_default_env(result_.project_directory))
            return std::nullopt;
        result_.variables = request_.environment;
        for (const auto& [name, value] : from_files_) result_.variables.try_emplace(name, value);
        result_.variables.try_emplace("PWD", request_.cwd);
        return std::move(result_);
    }

  private:
    // ---- variables -----------------------------------------------------------------------------------------------

    [[nodiscard]] std::string setting(const std::string& name) const {
        const std::string shell = value_of(request_.environment, name);
        return shell.empty() && !request_.environment.contains(name) ? value_of(from_files_, name) : shell;
    }

    bool read_env_files(const std::string& directory) {
        std::vector<std::string> files = request_.env_files;
        if (files.empty()) files = comma_list(value_of(request_.environment, "COMPOSE_ENV_FILES"));
        explicit_env_files_ = !files.empty();
        if (!explicit_env_files_) return read_default_env(directory);
        for (const std::string& file : files) {
            const std::string path = absolute_path(request_.cwd, file);
            result_.env_files.push_back(path);
            if (!read_env_file(path, true)) return false;
        }
        return true;
    }

    bool read_default_env(const std::string& directory) {
        const std::string disabled = to_lower(value_of(request_.environment, "COMPOSE_DISABLE_ENV_FILE"));
        if (disabled == "true" || disabled == "1") return true;
        return read_env_file(clean_path(directory + "/.env"), false);
    }

    bool read_env_file(const std::string& path, bool required) {
        const VariablesRead read =
            read_variables(path, request_.environment, from_files_, reader_, reporter_);
        if (read == VariablesRead::absent && required)
            reporter_.error("env-file", "the env file does not exist", {path, 0, 0});
        return read == VariablesRead::done || (read == VariablesRead::absent && !required);
    }

    // ---- files ---------------------------------------------------------------------------------------------------

    bool find_files(const std::string& directory) {
        std::vector<std::string> files = request_.files;
        if (files.empty()) {
            const std::string listed = setting("COMPOSE_FILE");
            std::string separator = setting("COMPOSE_PATH_SEPARATOR");
            if (separator.size() != 1) separator = ":";
            for (const std::string& file : split(listed, separator[0]))
                if (!file.empty()) files.push_back(file);
        }
        if (files.empty()) return search(directory);
        for (const std::string& file : files)
            result_.files.push_back(file == "-" ? kStdinName : absolute_path(request_.cwd, file));
        return true;
    }

    // This directory and its parents; the first that has one of the names.
    bool search(const std::string& directory) {
        for (std::string place = directory;; place = directory_of(place)) {
            std::vector<std::string> found;
            for (const char* name : kFileNames) {
                std::string path = clean_path(fmt::format("{}/{}", place, name));
                if (path_exists(path)) found.push_back(std::move(path));
            }
            if (!found.empty()) {
                use(place, found);
                return true;
            }
            if (place == "/") break;
        }
        reporter_.error("no-file", fmt::format("no compose file in {} or above", directory), {}).hint =
            "make a compose.yaml, or name one with -f";
        return false;
    }

    void use(const std::string& place, const std::vector<std::string>& found) {
        result_.files.push_back(found[0]);
        for (std::size_t i = 1; i < found.size(); ++i)
            reporter_.warning("several-files",
                              fmt::format("this file is not used, since {} is there too",
                                          reader_.sources.display_name(found[0])),
                              {found[i], 0, 0});
        for (const char* name : kOverrideNames) {
            std::string path = clean_path(fmt::format("{}/{}", place, name));
            if (!path_exists(path)) continue;
            result_.files.push_back(std::move(path));
            break;
        }
    }

    const LoadRequest& request_;
    SourceReader& reader_;
    Reporter& reporter_;
    Discovery result_;
    Variables from_files_;
    bool explicit_env_files_ = false;
};

bool is_project_name(std::string_view name) {
    return !name.empty() && normalize_project_name(name) == name;
}

}  // namespace

std::optional<Discovery> discover(const LoadRequest& request, SourceReader& reader, Reporter& reporter) {
    return Discoverer{request, reader, reporter}.run();
}

std::optional<std::string> given_project_name(const LoadRequest& request, const Variables& variables) {
    const bool by_flag = !request.project_name.empty();
    const std::string name = by_flag ? request.project_name : value_of(variables, "COMPOSE_PROJECT_NAME");
    if (name.empty()) return std::nullopt;
    if (is_project_name(name)) return name;
    throw Error(ErrorKind::invalid_input, fmt::format("invalid project name \"{}\" ({})", name,
                                                      by_flag ? "-p" : "COMPOSE_PROJECT_NAME"))
        .with_hint("use lower-case letters, digits, \"_\" and \"-\", beginning with a letter or digit");
}

std::string normalize_project_name(std::string_view name) {
    std::string result;
    for (const char c : to_lower(name)) {
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (alphanumeric || (!result.empty() && (c == '_' || c == '-'))) result += c;
    }
    return result;
}

std::vector<std::string> comma_list(std::string_view text) {
    std::vector<std::string> items;
    for (const std::string& item : split(text, ','))
        if (const std::string_view trimmed = trim(item); !trimmed.empty()) items.emplace_back(trimmed);
    return items;
}

}  // namespace stack::compose
