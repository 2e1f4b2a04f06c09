#include "manager/compose/yaml_source.hpp"

#include "manager/compose/utf8.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

std::size_t skip_blanks_and_comments(std::string_view source, std::size_t at) {
    while (at < source.size()) {
        if (is_blank(source[at])) {
            ++at;
        } else if (source[at] == '#' && (at == 0 || is_blank(source[at - 1]))) {
            while (at < source.size() && source[at] != '\n') ++at;
        } else {
            break;
        }
    }
    return at;
}

std::size_t skip_properties(std::string_view source, std::size_t at) {
    for (;;) {
        at = skip_blanks_and_comments(source, at);
        if (at >= source.size() || (source[at] != '&' && source[at] != '!')) return at;
        while (at < source.size() && !is_blank(source[at]) && source[at] != ',' && source[at] != ']' &&
               source[at] != '}')
            ++at;
    }
}

std::optional<std::size_t> end_of_quoted(std::string_view source, std::size_t at) {
    const char quote = source[at++];
    while (at < source.size()) {
        if (quote == '"' && source[at] == '\\') {
            at += 2;
        } else if (source[at] != quote) {
            ++at;
        } else if (quote == '\'' && at + 1 < source.size() && source[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    return std::nullopt;
}

std::optional<std::size_t> tab_in_indentation_near(std::string_view source, std::size_t at) {
    std::size_t end = std::min(at, source.size());
    if (end < source.size()) end = std::min(source.find('\n', end), source.size());
    for (int lines = 0; lines < 3; ++lines) {
        const std::size_t newline = end == 0 ? std::string_view::npos : source.rfind('\n', end - 1);
        const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
        for (std::size_t i = begin; i < end && (source[i] == ' ' || source[i] == '\t'); ++i)
            if (source[i] == '\t') return i;
        if (begin == 0) break;
        end = begin - 1;
    }
    return std::nullopt;
}

bool check_bytes(const Tree& tree, std::uint32_t file, Reporter& reporter) {
    const std::string_view text = *tree.file(file).text;
    const auto refuse = [&](std::size_t at, std::string message) {
        reporter.error("not-text", std::move(message), tree.position(file, static_cast<std::uint32_t>(at)));
        return false;
    };
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte >= 0x20 && byte < 0x7f) {
            ++at;
            continue;
        }
        if (byte == 0) return refuse(at, "a NUL byte in the file");
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
            return refuse(at, fmt::format("a control character (0x{:02x}) in the file", byte));
        const std::size_t length = utf8_sequence(text.substr(at));
        if (length == 0) return refuse(at, fmt::format("the file is not valid UTF-8 (byte 0x{:02x})", byte));
        at += length;
    }
    return true;
}

}  // namespace stack::compose
