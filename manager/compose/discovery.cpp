#include "manager/compose/discovery.hpp"

#include "manager/compose/paths.hpp"
#include "manager/compose/variables.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <span>

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
        result_.variables = request_.environment;
        result_.variables.try_emplace("PWD", request_.cwd);
        std::vector<std::string> files = request_.files;
        // The first guess at the project directory: `.env` may name the files (COMPOSE_FILE).
        const std::string directory = project_directory(files);
        if (!read_env_files(directory)) return std::nullopt;
        if (files.empty()) files = files_in_settings();
        if (!files.empty() && !name_files(files)) return std::nullopt;
        if (files.empty() && !search(directory)) return std::nullopt;
        result_.project_directory = request_.project_directory.empty() && files.empty()
                                        ? directory_of(result_.files[0])
                                        : project_directory(files);
        // The directory of COMPOSE_FILE or a parent: its `.env` counts as well, below the first one.
        if (result_.project_directory != directory && !explicit_env_files_ &&
            !read_default_env(result_.project_directory))
            return std::nullopt;
        return std::move(result_);
    }

  private:
    // The given one, else that of the first file that has one.
    [[nodiscard]] std::string project_directory(const std::vector<std::string>& files) const {
        if (!request_.project_directory.empty())
            return absolute_path(request_.cwd, request_.project_directory);
        for (const std::string& file : files)
            if (file != "-") return directory_of(absolute_path(request_.cwd, file));
        return request_.cwd;
    }

    // ---- variables -----------------------------------------------------------------------------------------------

    bool read_env_files(const std::string& directory) {
        std::vector<std::string> files = request_.env_files;
        if (files.empty()) files = comma_list(value_of(request_.environment, "COMPOSE_ENV_FILES"));
        explicit_env_files_ = !files.empty();
        if (!explicit_env_files_) return read_default_env(directory);
        for (const std::string& file : files) result_.env_files.push_back(absolute_path(request_.cwd, file));
        return read_variables_of(result_.env_files, true);
    }

    bool read_default_env(const std::string& directory) {
        try {
            if (is_switched_on(request_.environment, "COMPOSE_DISABLE_ENV_FILE")) return true;
        } catch (const Error& error) {
            reporter_.error("setting", error.message(), {});
            return false;
        }
        return read_variables_of({absolute_path(directory, ".env")}, false);
    }

    // Later files beat earlier ones, and what is known already beats them all.
    bool read_variables_of(const std::vector<std::string>& paths, bool required) {
        VariableScope from_files;
        for (const std::string& path : paths) {
            const VariablesRead read =
                read_variables(path, result_.variables, from_files, reader_, reporter_);
            if (read == VariablesRead::absent && required)
                reporter_.error("env-file", "the env file does not exist", {path, 0, 0});
            if (read == VariablesRead::failed || (read == VariablesRead::absent && required)) return false;
        }
        for (auto& [name, value] : from_files.values)
            if (result_.variables.try_emplace(name, std::move(value)).second)
                result_.variable_places.emplace(name, from_files.places.at(name));
        return true;
    }

    // ---- files ---------------------------------------------------------------------------------------------------

    [[nodiscard]] std::vector<std::string> files_in_settings() const {
        std::string_view listed = setting("COMPOSE_FILE");
        std::string_view separator = setting("COMPOSE_PATH_SEPARATOR");
        if (separator.empty()) separator = ":";
        std::vector<std::string> files;
        while (!listed.empty()) {
            const std::size_t end = std::min(listed.find(separator), listed.size());
            if (end > 0) files.emplace_back(listed.substr(0, end));
            listed.remove_prefix(std::min(end + separator.size(), listed.size()));
        }
        return files;
    }

    [[nodiscard]] std::string_view setting(const std::string& name) const {
        const auto found = result_.variables.find(name);
        return found == result_.variables.end() ? std::string_view{} : found->second;
    }

    bool name_files(const std::vector<std::string>& files) {
        bool local = true;
        for (const std::string& file : files) {
            if (is_remote(file)) {
                reporter_
                    .error("remote-file",
                           fmt::format("compose files on another machine are not supported: {}", file), {})
                    .hint = "fetch it first, and name the local file";
                local = false;
            }
            result_.files.push_back(file == "-" ? kStdinName : absolute_path(request_.cwd, file));
        }
        return local;
    }

    // This directory and its parents; the first that has one of the names.
    bool search(const std::string& directory) {
        for (std::string place = directory;; place = directory_of(place)) {
            if (use_first_of(place, kFileNames)) {
                use_first_of(place, kOverrideNames);
                return true;
            }
            if (place == "/") break;
        }
        reporter_.error("no-file", fmt::format("no compose file in {} or above", directory), {}).hint =
            "make a compose.yaml, or name one with -f";
        return false;
    }

    // False when the directory has none of them.
    bool use_first_of(const std::string& directory, std::span<const char* const> names) {
        std::string used;
        for (const char* name : names) {
            std::string path = absolute_path(directory, name);
            if (!path_exists(path)) continue;
            if (used.empty())
                used = std::move(path);
            else
                reporter_.warning("several-files",
                                  fmt::format("this file is not used, since {} is there too",
                                              reader_.sources.display_name(used)),
                                  {path, 0, 0});
        }
        if (used.empty()) return false;
        result_.files.push_back(std::move(used));
        return true;
    }

    const LoadRequest& request_;
    SourceReader& reader_;
    Reporter& reporter_;
    Discovery result_;
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

bool is_switched_on(const Variables& variables, const std::string& name) {
    const std::string value = to_lower(value_of(variables, name));
    if (value == "true" || value == "t" || value == "1") return true;
    if (value.empty() || value == "false" || value == "f" || value == "0") return false;
    throw Error{ErrorKind::invalid_input, fmt::format("{} must be true or false, not \"{}\"", name, value)};
}

std::vector<std::string> comma_list(std::string_view text) {
    std::vector<std::string> items;
    for (const std::string& item : split(text, ','))
        if (const std::string_view trimmed = trim(item); !trimmed.empty()) items.emplace_back(trimmed);
    return items;
}

}  // namespace stack::compose
