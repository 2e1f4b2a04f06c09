#include "manager/compose/variables.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

VariablesRead read_variables(const std::string& path, const Variables& environment, VariableScope& from_files,
                             SourceReader& reader, Reporter& reporter) {
    const auto text = reader.read(path);
    if (const auto* why = std::get_if<std::string>(&text)) {
        reporter.error("env-file", fmt::format("the env file can't be read: {}", *why), {path, 0, 0});
        return VariablesRead::failed;
    }
    const SourceReader::Text& content = std::get<SourceReader::Text>(text);
    if (!content) return VariablesRead::absent;
    const VariableLookup lookup = [&](std::string_view name) -> std::optional<std::string> {
        const std::string key{name};
        if (const auto found = environment.find(key); found != environment.end()) return found->second;
        if (const auto found = from_files.values.find(key); found != from_files.values.end())
            return found->second;
        return std::nullopt;
    };
    const Dotenv dotenv = parse_dotenv(*content, lookup);
    report_problems(dotenv, path, reporter);
    for (const DotenvEntry& entry : dotenv.entries) {
        if (!entry.value) continue;
        from_files.values[entry.name] = *entry.value;
        from_files.places[entry.name] = {path, entry.line, 0};
    }
    const bool legal = std::none_of(dotenv.problems.begin(), dotenv.problems.end(),
                                    [](const DotenvProblem& problem) { return problem.is_error; });
    return legal ? VariablesRead::done : VariablesRead::failed;
}

}  // namespace stack::compose
