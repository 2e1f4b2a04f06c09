#include "manager/compose/diagnostic.hpp"

#include "manager/compose/utf8.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::compose {

namespace {

constexpr std::size_t kWidestExcerpt = 160;  // bytes of a source line that are shown

std::string_view word(Severity severity) {
    return severity == Severity::error ? "error" : "warning";
}

struct Style {
    std::string_view strong, red, yellow, cyan, reset;
};
Style style(bool colour) {
    if (!colour) return {};
    return {"\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[36m", "\x1b[0m"};
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Byte offset of the column-th character.
std::size_t byte_of_column(std::string_view line, int column) {
    std::size_t at = 0;
    for (int i = 1; i < column && at < line.size(); ++i) {
        ++at;
        while (at < line.size() && is_continuation(line[at])) ++at;
    }
    return at;
}

// How many characters the caret underlines: the word or quoted string that starts there.
std::size_t marked_length(std::string_view rest) {
    if (rest.empty()) return 1;
    if (rest[0] == '"' || rest[0] == '\'') {
        const std::size_t close = rest.find(rest[0], 1);
        return close == std::string_view::npos ? 1 : close + 1;
    }
    if (rest.starts_with("${")) {
        const std::size_t close = rest.find('}');
        return close == std::string_view::npos ? 2 : close + 1;
    }
    std::size_t length = 0;
    while (length < rest.size() && rest[length] != ' ' && rest[length] != '\t' && rest[length] != '#' &&
           rest[length] != ',' && rest[length] != '}' && rest[length] != ']' &&
           !(rest[length] == ':' && (length + 1 == rest.size() || rest[length + 1] == ' ')))
        ++length;
    return std::max<std::size_t>(length, 1);
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

void append_excerpt(std::string& out, const Position& position, const SourceCache& sources,
                    std::string_view mark, const Style& s) {
    const auto line = sources.line(position.file, position.line);
    if (!line || position.column <= 0) return;
    const std::size_t at = byte_of_column(*line, position.column);
    std::size_t begin = 0;
    if (at > kWidestExcerpt / 2 && line->size() > kWidestExcerpt) {
        begin = at - kWidestExcerpt / 2;
        while (begin < at && is_continuation((*line)[begin])) ++begin;
    }
    std::size_t end = std::min(line->size(), begin + kWidestExcerpt);
    while (end < line->size() && end > begin && is_continuation((*line)[end])) --end;
    const std::string_view shown = line->substr(begin, end - begin);
    const std::string_view before = shown.substr(0, std::min(shown.size(), at - begin));
    const std::string_view rest = shown.substr(before.size());
    const std::size_t length = characters(rest.substr(0, std::min(rest.size(), marked_length(rest))));
    out += fmt::format("{}{:>5} |{} {}\n", s.cyan, position.line, s.reset, printable(shown));
    out += fmt::format("{}      |{} {}{}^{}{}\n", s.cyan, s.reset, std::string(characters(before), ' '), mark,
                       std::string(length > 1 ? length - 1 : 0, '~'), s.reset);
}

// True when the message itself says which service it is about, or it is about none.
bool names_service(const Diagnostic& d) {
    return d.service.empty() || d.code.ends_with("-cycle") ||
           d.message.find(fmt::format("\"{}\"", d.service)) != std::string::npos ||
           d.message.find(fmt::format("services.{}", d.service)) != std::string::npos;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text[0]);
        const std::size_t length = utf8_sequence(text);
        const bool control =
            byte < 0x20 || byte == 0x7f || (byte == 0xc2 && length == 2 && (text[1] & 0x60) == 0);
        if (byte == '\t')
            result += ' ';
        else if (length == 0 || control)
            result += '?';
        else
            result += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return result;
}

void SourceCache::add(const std::string& file, std::shared_ptr<const std::string> text) {
    sources_[file] = {std::move(text), {}};
}

std::optional<std::string_view> SourceCache::line(const std::string& file, int number) const {
    const auto found = sources_.find(file);
    if (found == sources_.end() || number < 1) return std::nullopt;
    const Source& source = found->second;
    std::vector<std::uint32_t>& starts = source.line_starts;
    const std::string& text = *source.text;
    if (starts.empty()) {
        starts.push_back(0);
        for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
            starts.push_back(static_cast<std::uint32_t>(at + 1));
    }
    const auto index = static_cast<std::size_t>(number - 1);
    if (index >= starts.size()) return std::nullopt;
    std::string_view rest = std::string_view{text}.substr(starts[index]);
    rest = rest.substr(0, rest.find('\n'));
    if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
    return rest;
}

std::string SourceCache::display_name(const std::string& file) const {
    if (base_.empty() || file.size() <= base_.size() + 1 || !file.starts_with(base_)) return file;
    if (base_ == "/") return file.substr(1);
    return file[base_.size()] == '/' ? file.substr(base_.size() + 1) : file;
}

std::string SourceCache::display(const Position& position) const {
    std::string text = display_name(position.file);
    if (position.line > 0) text += fmt::format(":{}", position.line);
    if (position.line > 0 && position.column > 0) text += fmt::format(":{}", position.column);
    return text;
}

std::string render(const Diagnostic& d, const SourceCache& sources, bool colour) {
    const Style s = style(colour);
    const std::string_view mark = d.severity == Severity::error ? s.red : s.yellow;
    std::string out;
    if (!d.position.file.empty())
        out += fmt::format("{}{}:{} ", s.strong, sources.display(d.position), s.reset);
    out += fmt::format("{}{}:{} {}", mark, word(d.severity), s.reset, s.strong);
    if (!names_service(d)) out += fmt::format("service \"{}\": ", printable(d.service));
    out += fmt::format("{}{}\n", printable(d.message), s.reset);
    append_excerpt(out, d.position, sources, mark, s);
    const auto append_note = [&](const RelatedPosition& related) {
        out += fmt::format("{}{}:{} note: {}\n", s.strong, sources.display(related.position), s.reset,
                           printable(related.message));
        if (!related.way_in) append_excerpt(out, related.position, sources, s.cyan, s);
    };
    for (const RelatedPosition& related : d.related)
        if (!related.way_in) append_note(related);
    if (!d.hint.empty()) out += fmt::format("  {}hint:{} {}\n", s.cyan, s.reset, printable(d.hint));
    for (const RelatedPosition& related : d.related)
        if (related.way_in) append_note(related);
    return out;
}

std::string render(const std::vector<Diagnostic>& diagnostics, const SourceCache& sources, bool colour) {
    std::string out;
    int errors = 0;
    for (const Diagnostic& d : diagnostics) {
        out += render(d, sources, colour);
        if (d.severity == Severity::error) ++errors;
    }
    if (errors > 1) out += fmt::format("{} errors\n", errors);
    return out;
}

nlohmann::json to_json(const Diagnostic& d) {
    const auto place = [](nlohmann::json& json, const Position& position) {
        if (position.file.empty()) return;
        json["file"] = position.file;
        if (position.line > 0) json["line"] = position.line;
        if (position.column > 0) json["column"] = position.column;
    };
    nlohmann::json json{{"severity", word(d.severity)}, {"code", d.code}, {"message", d.message}};
    place(json, d.position);
    if (!d.hint.empty()) json["hint"] = d.hint;
    if (!d.service.empty()) json["service"] = d.service;
    for (const RelatedPosition& related : d.related) {
        nlohmann::json item{{"message", related.message}};
        place(item, related.position);
        json["related"].push_back(std::move(item));
    }
    return json;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Severity::error; });
}

}  // namespace stack::compose
