#include "manager/cli/transfer/transfer_frame.hpp"

#include "manager/cli/terminal.hpp"
#include "runtime/base/units.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace stack::cli {

namespace {

using std::chrono::milliseconds;
using State = TransferRow::State;
using Look = ProgressRow::Look;

/// Columns of names and words, the same in every line of a frame.
struct Widths {
    std::size_t subject = 0, word = 0;
    std::size_t image_bar = 0, layer_bar = 0;  // 0: no room for one
};

/// Of what `others` leave; 0 when that is too little to be read.
std::size_t bar_width(std::size_t columns, std::size_t others) {
    constexpr std::size_t kLeast = 8, kMost = 22;
    return columns < others + kLeast ? 0 : std::min(columns - others, kMost);
}

Look look_of(State state) {
    switch (state) {
        case State::done:
            return Look::done;
        case State::failed:
            return Look::failed;
        case State::interrupted:
            return Look::warning;
        case State::waiting:
        case State::working:
            break;
    }
    return Look::working;
}

bool is_over(const TransferRow& row) {
    return look_of(row.state) != Look::working;
}

std::string padded(const std::string& text, std::size_t width) {
    return text + std::string(width - std::min(width, display_width(text)), ' ');
}

std::string amount(std::uint64_t done, std::uint64_t total) {
    if (total == 0) return format_size(done);
    return fmt::format("{} / {}", format_size(std::min(done, total)), format_size(total));
}

std::string bar_and_amount(std::uint64_t done, std::uint64_t total, std::size_t bar) {
    const std::string text = amount(done, total);
    return bar == 0 || total == 0 ? text : progress_bar(done, total, bar) + " " + text;
}

/// `11.3MB/s  7s left`, as far as it is known.
std::string speed(const TransferRow& row, milliseconds now) {
    const std::uint64_t rate = row.rate.bytes_per_second(now), total = row.total_bytes(),
                        moved = row.moved_bytes();
    if (rate == 0 || moved >= total) return {};
    const std::uint64_t left = std::min<std::uint64_t>((total - moved + rate - 1) / rate, 359'999);
    return fmt::format("  {}/s  {} left", format_size(rate),
                       format_duration(std::chrono::seconds{static_cast<std::int64_t>(left)}));
}

std::string middle(const TransferRow& row, milliseconds now, const Widths& widths) {
    if (row.state != State::working || !row.detail.empty()) return printable(row.detail);
    std::string text;
    if (!row.layers.empty()) text = fmt::format("{}/{}  ", row.finished_layers(), row.layers.size());
    if (row.total_bytes() > 0 || row.moved_bytes() > 0)
        text += bar_and_amount(row.moved_bytes(), row.total_bytes(), widths.image_bar) + speed(row, now);
    return text;
}

std::string image_line(const TransferRow& row, milliseconds now, const Widths& widths,
                       const FrameStyle& style) {
    const milliseconds spent = (is_over(row) ? row.ended : now) - row.started;
    const Look look = look_of(row.state);
    const std::string word = padded(printable(row.word), widths.word);
    std::string left = fmt::format(" {} {}  {}  {}", look_sign(look, now, style.colour),
                                   padded(printable(row.subject), widths.subject),
                                   coloured(word, look_colour(look), style.colour), middle(row, now, widths));
    return line_with_time(std::move(left), row.state == State::waiting ? milliseconds{0} : spent, style);
}

std::string layer_line(const LayerRow& layer, const Widths& widths, const FrameStyle& style) {
    const bool moves = layer.state == LayerState::downloading || layer.state == LayerState::uploading;
    std::string text =
        moves ? bar_and_amount(layer.moved, layer.total, widths.layer_bar) : layer_word(layer.state);
    if (layer.state == LayerState::unpacking && layer.done > 0 && layer.done < layer.total)
        text += "  " + amount(layer.done, layer.total);
    return cut_to_width(fmt::format("     {}  {}", padded(printable(layer.id), 12), text), style.columns);
}

struct Line {
    std::string text;
    int rank;  ///< the lower, the longer it stays when room is short
};

/// In the order of LayerState.
int rank_of(LayerState state) {
    static constexpr std::array<int, 8> kRanks{3, 2, 3, 2, 4, 4, 2, 4};
    return kRanks[static_cast<std::size_t>(state)];
}

int rank_of(const TransferRow& row) {
    if (row.state == State::working || row.state == State::failed) return 0;
    return row.state == State::waiting ? 1 : 5;
}

std::vector<Line> all_lines(const std::vector<TransferRow>& rows, milliseconds now, const Widths& widths,
                            const FrameStyle& style) {
    std::vector<Line> lines;
    for (const TransferRow& row : rows) {
        lines.push_back({image_line(row, now, widths, style), rank_of(row)});
        if (row.state != State::working) continue;
        for (const LayerRow& layer : row.layers)
            lines.push_back({layer_line(layer, widths, style), rank_of(layer.state)});
    }
    return lines;
}

/// The lines of the lowest ranks, the earlier ones first, in their order.
void keep_what_fits(std::vector<Line>& lines, std::size_t room) {
    if (lines.size() <= room) return;
    std::vector<std::pair<int, std::size_t>> order;
    order.reserve(lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) order.emplace_back(lines[i].rank, i);
    std::sort(order.begin(), order.end());
    std::set<std::size_t> kept;
    for (std::size_t i = 0; i < room; ++i) kept.insert(order[i].second);
    std::vector<Line> result;
    result.reserve(room);
    for (const std::size_t i : kept) result.push_back(std::move(lines[i]));
    lines = std::move(result);
}

}  // namespace

std::string layer_word(LayerState state) {
    static constexpr std::array<const char*, 8> kWords{"Waiting",   "Downloading",  "Downloaded",
                                                       "Unpacking", "Done",         "Already here",
                                                       "Uploading", "Already there"};
    return kWords[static_cast<std::size_t>(state)];
}

std::string progress_bar(std::uint64_t done, std::uint64_t total, std::size_t columns) {
    static constexpr std::array<const char*, 8> kPartial{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const std::size_t inside = std::max<std::size_t>(columns, 3) - 2;
    const double share =
        total == 0 ? 0 : static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    const auto eighths = static_cast<std::size_t>(share * static_cast<double>(inside * 8));
    std::string bar = "[";
    for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
    bar += kPartial[eighths % 8];
    const std::size_t used = eighths / 8 + (eighths % 8 > 0 ? 1 : 0);
    return bar + std::string(inside - used, ' ') + "]";
}

std::vector<std::string> render_transfers(const std::string& title, const std::vector<TransferRow>& rows,
                                          milliseconds now, const FrameStyle& style) {
    Widths widths;
    std::size_t over = 0;
    for (const TransferRow& row : rows) {
        widths.subject = std::max(widths.subject, display_width(printable(row.subject)));
        widths.word = std::max(widths.word, display_width(printable(row.word)));
        if (is_over(row)) ++over;
    }
    // Beside a bar stand numbers, which say more and go first.
    constexpr std::size_t kImageNumbers = 60, kLayerNumbers = 44;
    widths.image_bar = bar_width(style.columns, widths.subject + widths.word + kImageNumbers);
    widths.layer_bar = bar_width(style.columns, kLayerNumbers);
    std::vector<Line> lines = all_lines(rows, now, widths, style);
    keep_what_fits(lines, frame_room(style));
    std::vector<std::string> frame{frame_header(title, over, rows.size(), style)};
    for (Line& line : lines) frame.push_back(std::move(line.text));
    return frame;
}

}  // namespace stack::cli
