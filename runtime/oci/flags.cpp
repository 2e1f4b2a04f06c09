#include "runtime/oci/flags.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace stack::oci {

namespace {

const Flag* find_flag(std::span<const Flag> flags, std::string_view name) {
    const auto found = std::find_if(flags.begin(), flags.end(), [&](const Flag& flag) {
        return name == flag.name || (name.size() == 1 && name[0] == flag.letter);
    });
    return found == flags.end() ? nullptr : &*found;
}

// A lone dash is a file name, and -1 a number.
bool looks_like_flag(const std::string& word) {
    return word.size() > 1 && word[0] == '-' && std::isdigit(static_cast<unsigned char>(word[1])) == 0;
}

Error unknown_flag(std::span<const Flag> flags, const std::string& name) {
    Error error{ErrorKind::invalid_input, fmt::format("flag provided but not defined: -{}", name)};
    std::vector<std::string> names;
    for (const Flag& flag : flags) names.emplace_back(flag.name);
    if (const std::optional<std::string> near = nearest(name, names))
        error.with_hint(fmt::format("did you mean --{}?", *near));
    return error;
}

// Leaves `position` at the flag's last word.
void take_flag(std::span<const Flag> flags, const std::vector<std::string>& words, std::size_t& position,
               Arguments& result) {
    const std::string& word = words[position];
    std::string name = word.substr(word[1] == '-' ? 2 : 1);
    std::optional<std::string> value;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
        value = name.substr(equals + 1);
        name.erase(equals);
    }
    const Flag* flag = find_flag(flags, name);
    if (flag == nullptr) throw unknown_flag(flags, name);
    if (flag->value != nullptr && !value) {
        if (++position == words.size())
            throw Error{ErrorKind::invalid_input, fmt::format("flag needs an argument: --{}", flag->name)};
        value = words[position];
    }
    result.add(flag->name, value.value_or("true"));
}

}  // namespace

std::string Arguments::text(std::string_view name) const {
    const std::vector<std::string> all = texts(name);
    return all.empty() ? std::string{} : all.back();
}

std::vector<std::string> Arguments::texts(std::string_view name) const {
    const auto found = values_.find(std::string{name});
    return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::optional<long long> Arguments::number(std::string_view name, long long least) const {
    if (!has(name)) return std::nullopt;
    const std::optional<long long> value = parse_int(text(name));
    if (!value || *value < least)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("invalid value \"{}\" for flag --{}: not a whole number of at least {}",
                                text(name), name, least)};
    return value;
}

bool Arguments::on(std::string_view name) const {
    const std::string value = text(name);
    if (value.empty() || value == "true" || value == "1") return has(name);
    if (value == "false" || value == "0") return false;
    throw Error{ErrorKind::invalid_input,
                fmt::format("invalid boolean value \"{}\" for flag --{}", value, name)};
}

Arguments parse_flags(std::span<const Flag> flags, const std::vector<std::string>& words,
                      std::size_t words_before_rest) {
    Arguments result;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool rest = result.words.size() >= words_before_rest;
        if (rest || words[i] == "--") {
            const auto first = static_cast<std::ptrdiff_t>(rest ? i : i + 1);
            result.words.insert(result.words.end(), words.begin() + first, words.end());
            break;
        }
        if (looks_like_flag(words[i]))
            take_flag(flags, words, i, result);
        else
            result.words.push_back(words[i]);
    }
    return result;
}

std::string flags_text(std::span<const Flag> flags) {
    std::string text;
    for (const Flag& flag : flags) {
        const std::string letter = flag.letter != 0 ? fmt::format(", -{}", flag.letter) : "";
        const std::string value = flag.value != nullptr ? fmt::format(" {}", flag.value) : "";
        text += fmt::format("   {:<32} {}\n", fmt::format("--{}{}{}", flag.name, letter, value), flag.help);
    }
    return text;
}

}  // namespace stack::oci
