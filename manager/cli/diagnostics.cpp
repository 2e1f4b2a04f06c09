#include "manager/cli/diagnostics.hpp"

#include "manager/cli/terminal.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace stack::cli {

namespace {

constexpr std::size_t kMaxSourceBytes = 4u << 20;

/// Regular files only: a position may name /dev/stdin or a pipe, which reading would drain or wait for.
std::optional<std::string> source_line(const SourcePosition& position) {
    struct ::stat status {};
    if (::stat(position.file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    if (static_cast<std::size_t>(status.st_size) > kMaxSourceBytes) return std::nullopt;
    try {
        const std::string text = read_file(position.file, kMaxSourceBytes);
        const std::vector<std::string> lines = split(text, '\n');
        const auto index = static_cast<std::size_t>(position.line) - 1;
        if (index >= lines.size()) return std::nullopt;
        return lines[index];
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// Relative to the working directory when the file lies below it: that is how the user thinks of it.
std::string short_file(const std::string& file) {
    std::error_code code;
    const std::string here = std::filesystem::current_path(code).string() + "/";
    return !code && file.starts_with(here) ? file.substr(here.size()) : file;
}

std::string indented(const std::string& text) {
    std::string result;
    for (const std::string& line : split(text, '\n')) result += "  " + printable(line) + "\n";
    return result;
}

}  // namespace

std::string source_excerpt(const SourcePosition& position, bool colour) {
    if (!position.known() || position.line <= 0) return {};
    const std::optional<std::string> line = source_line(position);
    if (!line) return {};
    const std::string number = std::to_string(position.line);
    std::string text = fmt::format("  {} {}\n", coloured(number + " |", "34", colour), printable(*line));
    if (position.column > 0 && static_cast<std::size_t>(position.column) <= line->size() + 1) {
        const std::size_t before =
            display_width(line->substr(0, static_cast<std::size_t>(position.column) - 1));
        text += fmt::format("  {}{} {:{}}{}\n", std::string(number.size() + 1, ' '),
                            coloured("|", "34", colour), "", before, coloured("^", "31;1", colour));
    }
    return text;
}

std::string render_error(const Error& error, bool colour) {
    const std::vector<std::string> context = error.context();
    const std::string first = context.empty() ? error.message() : context.front();
    const std::vector<std::string> head = split(first, '\n');
    std::string text = fmt::format("{} {}\n", coloured("error:", "31;1", colour), printable(head.front()));
    for (std::size_t i = 1; i < head.size(); ++i) text += indented(head[i]);
    for (std::size_t i = 1; i < context.size(); ++i) text += indented(context[i]);
    if (!context.empty()) text += indented(error.message());
    if (error.position()) {
        SourcePosition place = *error.position();
        place.file = short_file(place.file);
        text +=
            coloured(printable(place.text()), "1", colour) + "\n" + source_excerpt(*error.position(), colour);
    }
    if (!error.hint().empty()) text += fmt::format("{} {}\n", coloured("hint:", "36", colour), error.hint());
    return text;
}

std::string render_warning(const std::string& message, bool colour) {
    return fmt::format("{} {}\n", coloured("warning:", "33;1", colour), printable(message));
}

}  // namespace stack::cli
