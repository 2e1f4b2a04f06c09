#include "manager/compose/env_file.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

class EnvironmentResolver {
  public:
    EnvironmentResolver(Service& service, const Variables& variables, SourceReader& reader,
                        Reporter& reporter)
        : service_{service}, variables_{variables}, reader_{reader}, reporter_{reporter} {}

    void read(const EnvFileReference& reference) {
        const auto text = reader_.read(reference.path);
        if (const auto* why = std::get_if<std::string>(&text)) {
            complain("env-file", fmt::format("env_file can't be read: {}", *why), reference);
            return;
        }
        const SourceReader::Text& content = std::get<SourceReader::Text>(text);
        if (!content) {
            if (!reference.required) return;
            complain("env-file",
                     fmt::format("env_file {} does not exist", reader_.sources.display_name(reference.path)),
                     reference)
                .hint = "create it, or write it as {path: …, required: false}";
            return;
        }
        const VariableLookup lookup = [this](std::string_view name) {
            return this->lookup(std::string{name});
        };
        Dotenv dotenv = reference.raw ? parse_raw_env(*content, lookup) : parse_dotenv(*content, lookup);
        report_problems(dotenv, reference.path, reporter_);
        for (DotenvEntry& entry : dotenv.entries)
            if (entry.value) from_files_.insert_or_assign(std::move(entry.name), std::move(*entry.value));
    }

    void finish() {
        for (auto& [name, value] : service_.environment) {
            if (value) continue;
            const auto found = variables_.find(name);
            if (found != variables_.end()) value = found->second;
        }
        for (auto& [name, value] : from_files_) service_.environment.try_emplace(name, std::move(value));
    }

  private:
    [[nodiscard]] std::optional<std::string> lookup(const std::string& name) const {
        if (const auto found = variables_.find(name); found != variables_.end()) return found->second;
        if (const auto found = service_.environment.find(name);
            found != service_.environment.end() && found->second)
            return found->second;
        if (const auto found = from_files_.find(name); found != from_files_.end()) return found->second;
        return std::nullopt;
    }

    Diagnostic& complain(std::string code, std::string message, const EnvFileReference& reference) {
        Diagnostic& diagnostic = reporter_.error(std::move(code), std::move(message), reference.position);
        diagnostic.service = service_.name;
        return diagnostic;
    }

    Service& service_;
    const Variables& variables_;
    SourceReader& reader_;
    Reporter& reporter_;
    Variables from_files_;
};

}  // namespace

VariableLookup lookup_in(const Variables& variables) {
    return [&variables](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(std::string{name});
        return found == variables.end() ? std::nullopt : std::optional{found->second};
    };
}

void report_problems(const Dotenv& dotenv, const std::string& file, Reporter& reporter) {
    for (const DotenvProblem& problem : dotenv.problems) {
        const Position place{file, problem.line, problem.column};
        if (problem.is_error)
            reporter.error(problem.code, problem.message, place);
        else
            reporter.warning(problem.code, problem.message, place);
    }
}

void resolve_environment(Service& service, const std::vector<EnvFileReference>& files, bool read_files,
                         const Variables& variables, SourceReader& reader, Reporter& reporter) {
    EnvironmentResolver resolver{service, variables, reader, reporter};
    if (read_files)
        for (const EnvFileReference& file : files) resolver.read(file);
    resolver.finish();
}

}  // namespace stack::compose
