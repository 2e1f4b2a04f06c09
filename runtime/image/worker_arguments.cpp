#include "runtime/image/worker_arguments.hpp"

#include "runtime/base/error.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack::image {

std::vector<std::string> parse_worker_arguments(const std::vector<std::string>& words,
                                                const std::vector<WorkerFlag>& flags,
                                                std::string_view usage) {
    std::vector<std::string> operands;
    bool flags_ended = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (flags_ended || !word.starts_with("--")) {
            operands.push_back(word);
        } else if (word == "--") {
            flags_ended = true;
        } else {
            const auto flag = std::find_if(flags.begin(), flags.end(),
                                           [&](const WorkerFlag& known) { return known.name == word; });
            if (flag == flags.end()) throw_bad_usage(fmt::format("unknown option '{}'", word), usage);
            if (flag->takes_value && ++i == words.size())
                throw_bad_usage(fmt::format("option '{}' needs a value", word), usage);
            flag->set(flag->takes_value ? words[i] : std::string{});
        }
    }
    return operands;
}

void throw_bad_usage(std::string message, std::string_view usage) {
    throw Error{ErrorKind::invalid_input, std::move(message)}.with_hint(std::string{usage});
}

}  // namespace stack::image
