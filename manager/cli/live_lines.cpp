#include "manager/cli/live_lines.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <fmt/format.h>

namespace stack::cli {

void write_progress(const Terminal& to, std::string_view text) {
    try {
        write_all(to.fd, text, "stderr");
    } catch (const Error&) {
    }
}

FrameStyle LiveLines::style() const {
    const TerminalSize size = terminal_size(terminal_.fd).value_or(TerminalSize{24, 80});
    return {size.columns, size.rows, terminal_.colour};
}

void LiveLines::draw(const std::vector<std::string>& lines) {
    const std::size_t columns = style().columns;
    // One write a frame, each line cleared as it is overwritten: no flicker.
    std::string text = cursor_hidden_ ? "" : "\x1b[?25l";
    cursor_hidden_ = true;
    // A terminal that became narrower has wrapped lines; those can't be counted, so the frame is drawn anew below.
    if (lines_drawn_ > 0 && columns >= columns_drawn_) text += fmt::format("\x1b[{}A\r", lines_drawn_);
    for (const std::string& line : lines) text += line + "\x1b[K\n";
    text += "\x1b[J";
    write_progress(terminal_, text);
    lines_drawn_ = lines.size();
    columns_drawn_ = columns;
}

void LiveLines::note(const std::string& line) {
    std::string text;
    if (lines_drawn_ > 0)
        text = style().columns < columns_drawn_ ? "\r\x1b[J" : fmt::format("\x1b[{}A\r\x1b[J", lines_drawn_);
    text += line;
    if (!text.ends_with('\n')) text += '\n';
    write_progress(terminal_, text);
    lines_drawn_ = 0;
}

void LiveLines::finish() {
    if (cursor_hidden_) write_progress(terminal_, "\x1b[?25h");
    cursor_hidden_ = false;
}

}  // namespace stack::cli
