// One frame of the live view as lines of text: a pure function from rows and time, and the pieces that other live
// views are made of too.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace stack::cli {

struct ProgressRow {
    enum class Look { working, done, warning, failed } look = Look::working;
    std::string resource, status, detail;
    std::chrono::milliseconds started{0}, ended{0};  ///< since the progress began
    bool operator==(const ProgressRow&) const = default;
};

/// How a status word looks: Creating works, Created is done, Error has failed, …
ProgressRow::Look look_of_status(const std::string& status);

struct FrameStyle {
    std::size_t columns = 80, rows = 24;
    bool colour = false;
    bool operator==(const FrameStyle&) const = default;
};
/// The lines of one frame, header first, no newline, none wider than `columns`; rows that do not fit the
/// height are left out, finished ones first.
std::vector<std::string> render_frame(const std::string& title, const std::vector<ProgressRow>& rows,
                                      std::chrono::milliseconds now, const FrameStyle& style);

// ---- pieces ----

/// ✔, !, ✘, or a spinner that turns with `now`.
std::string look_sign(ProgressRow::Look look, std::chrono::milliseconds now, bool colour);
/// SGR code.
std::string_view look_colour(ProgressRow::Look look);
/// `left`, cut where needed, with the time at the right edge; exactly `columns` wide unless that is too narrow.
std::string line_with_time(std::string left, std::chrono::milliseconds spent, const FrameStyle& style);
/// `3.2s`, `1m20s`.
std::string short_time(std::chrono::milliseconds spent);
/// `[+] Running 2/3`
std::string frame_header(const std::string& title, std::size_t done, std::size_t all,
                         const FrameStyle& style);
/// Lines below the header that a terminal of this height holds.
std::size_t frame_room(const FrameStyle& style);

}  // namespace stack::cli
