#include "manager/cli/progress_frame.hpp"

#include "manager/cli/terminal.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack::cli {

namespace {

using std::chrono::milliseconds;
using Look = ProgressRow::Look;

constexpr milliseconds kTurn{100};
constexpr std::array<std::string_view, 10> kSpinner{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};

/// Which rows fit: the unfinished ones and the newest finished ones, in their order.
std::vector<const ProgressRow*> rows_that_fit(const std::vector<ProgressRow>& rows, std::size_t room) {
    std::vector<const ProgressRow*> all;
    all.reserve(rows.size());
    for (const ProgressRow& row : rows) all.push_back(&row);
    if (all.size() <= room) return all;
    std::vector<const ProgressRow*> by_need = all;
    std::stable_sort(by_need.begin(), by_need.end(), [](const ProgressRow* a, const ProgressRow* b) {
        const auto rank = [](const ProgressRow* row) {
            return row->look == Look::failed ? 0 : row->look == Look::done ? 2 : 1;
        };
        return rank(a) != rank(b) ? rank(a) < rank(b) : rank(a) == 2 && a->ended > b->ended;
    });
    const std::set<const ProgressRow*> kept(by_need.begin(),
                                            by_need.begin() + static_cast<std::ptrdiff_t>(room));
    std::erase_if(all, [&](const ProgressRow* row) { return !kept.contains(row); });
    return all;
}

std::string render_row(const ProgressRow& row, std::size_t resource_width, std::size_t status_width,
                       milliseconds now, const FrameStyle& style) {
    const milliseconds spent = (row.look == Look::working ? now : row.ended) - row.started;
    const std::string status = printable(row.status);
    std::string left =
        fmt::format(" {} {}{:{}}  {}{:{}}", look_sign(row.look, now, style.colour), printable(row.resource),
                    "", resource_width - display_width(printable(row.resource)),
                    coloured(status, look_colour(row.look), style.colour), "",
                    status_width - std::min(status_width, display_width(status)));
    if (!row.detail.empty()) left += "  " + printable(row.detail);
    return line_with_time(std::move(left), spent, style);
}

}  // namespace

ProgressRow::Look look_of_status(const std::string& status) {
    static const std::set<std::string> done{"Created",   "Started", "Healthy", "Exited",    "Running",
                                            "Recreated", "Stopped", "Removed", "Restarted", "Killed",
                                            "Skipped",   "Pulled",  "Exists",  "Unchanged"};
    if (status == "Error" || status == "Failed" || status == "Unhealthy") return Look::failed;
    if (status == "Warning" || status == "Interrupted") return Look::warning;
    return done.contains(status) ? Look::done : Look::working;
}

std::string look_sign(Look look, milliseconds now, bool colour) {
    switch (look) {
        case Look::done:
            return coloured("✔", "32", colour);
        case Look::warning:
            return coloured("!", "33", colour);
        case Look::failed:
            return coloured("✘", "31", colour);
        case Look::working:
            break;
    }
    return coloured(kSpinner[static_cast<std::size_t>(now / kTurn) % kSpinner.size()], "36", colour);
}

std::string_view look_colour(Look look) {
    switch (look) {
        case Look::done:
            return "32";
        case Look::warning:
            return "33";
        case Look::failed:
            return "31";
        case Look::working:
            break;
    }
    return "36";
}

std::string short_time(milliseconds spent) {
    if (spent < std::chrono::minutes{1})
        return fmt::format("{:.1f}s", static_cast<double>(std::max(spent, milliseconds{0}).count()) / 1000);
    return format_duration(std::chrono::duration_cast<std::chrono::seconds>(spent));
}

std::string line_with_time(std::string left, milliseconds spent, const FrameStyle& style) {
    const std::string time = short_time(spent);
    if (style.columns < time.size() + 4) return cut_to_width(left, style.columns);
    const std::size_t room = style.columns - time.size() - 2;
    left = cut_to_width(left, room);
    const std::string gap(room - display_width(left) + 1, ' ');
    return left + gap + coloured(time, "34", style.colour);
}

std::string frame_header(const std::string& title, std::size_t done, std::size_t all,
                         const FrameStyle& style) {
    const std::string header = fmt::format("[+] {} {}/{}", title, done, all);
    return coloured(cut_to_width(header, style.columns), "34", style.colour && done == all);
}

std::size_t frame_room(const FrameStyle& style) {
    // the header, and the line that the cursor stands on below the frame
    return style.rows > 3 ? style.rows - 2 : 1;
}

std::vector<std::string> render_frame(const std::string& title, const std::vector<ProgressRow>& rows,
                                      std::chrono::milliseconds now, const FrameStyle& style) {
    std::size_t done = 0, resource_width = 0, status_width = 0;
    for (const ProgressRow& row : rows) {
        if (row.look != Look::working) ++done;
        resource_width = std::max(resource_width, display_width(printable(row.resource)));
        status_width = std::max(status_width, display_width(printable(row.status)));
    }
    std::vector<std::string> lines{frame_header(title, done, rows.size(), style)};
    for (const ProgressRow* row : rows_that_fit(rows, frame_room(style)))
        lines.push_back(render_row(*row, resource_width, status_width, now, style));
    return lines;
}

}  // namespace stack::cli
