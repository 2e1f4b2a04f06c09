#include "manager/cli/table.hpp"

#include <algorithm>
#include <cstddef>

namespace stack::cli {

namespace {

constexpr std::size_t kGap = 3;

std::string printable(const std::string& cell) {
    std::string result = cell;
    for (char& c : result)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return result;
}

// Continuation bytes of UTF-8 take no column of their own.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string format_table(const std::vector<std::string>& headings,
                         const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::vector<std::string>> lines{headings};
    for (const auto& row : rows) {
        std::vector<std::string>& line = lines.emplace_back();
        for (const std::string& cell : row) line.push_back(printable(cell));
        line.resize(headings.size());
    }
    std::vector<std::size_t> widths(headings.size(), 0);
    for (const auto& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
    std::string text;
    for (const auto& line : lines) {
        std::string out;
        for (std::size_t i = 0; i < line.size(); ++i)
            out += line[i] + std::string(widths[i] - width_of(line[i]) + kGap, ' ');
        out.erase(out.find_last_not_of(' ') + 1);
        text += out + '\n';
    }
    return text;
}

}  // namespace stack::cli
