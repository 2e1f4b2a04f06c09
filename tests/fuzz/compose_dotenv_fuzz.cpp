// Any bytes as an env file, in both formats.
#include "manager/compose/dotenv.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace stack::compose;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const VariableLookup lookup = [](std::string_view name) -> std::optional<std::string> {
        return name == "A" ? std::optional<std::string>{"value"} : std::nullopt;
    };
    for (const Dotenv& dotenv : {parse_dotenv(text, lookup), parse_raw_env(text, lookup)}) {
        for (const DotenvEntry& entry : dotenv.entries)
            if (entry.name.empty() || entry.line < 1) std::abort();
        for (const DotenvProblem& problem : dotenv.problems)
            if (problem.line < 1 || problem.column < 1) std::abort();
    }
    return 0;
}
