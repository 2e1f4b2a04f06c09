#include "runtime/image/command_words.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/json_fields.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

// Reads up to the closing quote; in double quotes a backslash keeps its meaning before `"`, `\` and `$` only.
void take_quoted(std::string_view text, std::size_t& at, std::string& word) {
    const char quote = text[at];
    for (++at; at < text.size(); ++at) {
        if (text[at] == quote) {
            ++at;
            return;
        }
        const bool escapes = quote == '"' && text[at] == '\\' && at + 1 < text.size() &&
                             std::string_view{"\"\\$"}.find(text[at + 1]) != std::string_view::npos;
        if (escapes) ++at;
        word += text[at];
    }
    throw Error{ErrorKind::invalid_input, fmt::format("no closing {} in: {}", quote, text)};
}

}  // namespace

std::vector<std::string> command_words(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\n");
    if (first != std::string_view::npos && text[first] == '[') {
        const nlohmann::json wrapped =
            json_fields::parse_object(fmt::format(R"({{"command":{}}})", text), "the command", 1u << 20);
        return json_fields::strings(wrapped, "command");
    }
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        if (is_space(text[at])) {
            ++at;
            continue;
        }
        std::string word;
        while (at < text.size() && !is_space(text[at])) {
            if (text[at] == '\'' || text[at] == '"') {
                take_quoted(text, at, word);
            } else {
                if (text[at] == '\\' && at + 1 < text.size()) ++at;
                word += text[at++];
            }
        }
        words.push_back(std::move(word));
    }
    return words;
}

}  // namespace stack::image
