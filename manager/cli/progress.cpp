#include "manager/cli/progress.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using std::chrono::milliseconds;
using Look = ProgressRow::Look;

constexpr std::array<std::string_view, 10> kSpinner{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr milliseconds kTick{100};

/// stderr that has gone away (a closed pipe) must not end the command.
void write_err(int fd, std::string_view text) {
    try {
        write_all(fd, text, "stderr");
    } catch (const Error&) {
    }
}

std::string sign(const ProgressRow& row, milliseconds now, bool colour) {
    switch (row.look) {
        case Look::done:
            return coloured("✔", "32", colour);
        case Look::warning:
            return coloured("!", "33", colour);
        case Look::failed:
            return coloured("✘", "31", colour);
        case Look::working:
            break;
    }
    return coloured(kSpinner[static_cast<std::size_t>(now.count() / kTick.count()) % kSpinner.size()], "36",
                    colour);
}

std::string_view colour_of(Look look) {
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
    const std::string time =
        fmt::format("{:.1f}s", static_cast<double>(std::max(spent, milliseconds{0}).count()) / 1000);
    const std::string status = printable(row.status);
    std::string left =
        fmt::format(" {} {}{:{}}  {}{:{}}", sign(row, now, style.colour), printable(row.resource), "",
                    resource_width - display_width(printable(row.resource)),
                    coloured(status, colour_of(row.look), style.colour), "",
                    status_width - std::min(status_width, display_width(status)));
    if (!row.detail.empty()) left += "  " + printable(row.detail);
    if (style.columns < time.size() + 4) return cut_to_width(left, style.columns);
    const std::size_t room = style.columns - time.size() - 2;
    left = cut_to_width(left, room);
    const std::string gap(room - display_width(left) + 1, ' ');
    return left + gap + coloured(time, "34", style.colour);
}

// ---- the four ways to show it ----

class LiveProgress final : public Progress {
  public:
    LiveProgress(const Terminal& err, std::string title) : err_{err}, title_{std::move(title)} {}
    ~LiveProgress() override { finish(); }

    void update(const control::ProgressEvent& event) override {
        const milliseconds now = elapsed();
        auto [found, is_new] = index_.try_emplace(event.resource, rows_.size());
        if (is_new) rows_.push_back({Look::working, event.resource, {}, {}, now, now});
        ProgressRow& row = rows_[found->second];
        const Look look = look_of_status(event.status);
        if (row.look != Look::working && look == Look::working) row.started = now;  // created, now starting
        row.status = event.status;
        row.detail = event.detail;
        row.look = look;
        row.ended = now;
        dirty_ = true;
        if (now - drawn_at_ >= milliseconds{30}) draw();  // bursts of events share a frame
    }

    void note(const std::string& line) override {
        std::string text = erase_sequence() + line;
        if (!text.ends_with('\n')) text += '\n';
        write_err(err_.fd, text);
        lines_drawn_ = 0;
        draw();
    }

    void tick() override {
        const bool working = std::any_of(rows_.begin(), rows_.end(),
                                         [](const ProgressRow& r) { return r.look == Look::working; });
        if (dirty_ || working) draw();
    }
    [[nodiscard]] milliseconds tick_interval() const override { return kTick; }

    void finish() override {
        if (finished_) return;
        finished_ = true;
        if (!rows_.empty()) draw();
        if (cursor_hidden_) write_err(err_.fd, "\x1b[?25h");
    }

  private:
    [[nodiscard]] milliseconds elapsed() const {
        return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_);
    }

    /// Back to the first live line. A terminal that became narrower has wrapped lines; those can't be counted, so
    /// the frame is drawn anew below them.
    std::string erase_sequence() {
        const TerminalSize size = terminal_size(err_.fd).value_or(TerminalSize{24, 80});
        if (lines_drawn_ == 0) return {};
        if (size.columns < columns_drawn_) return "\r\x1b[J";
        return fmt::format("\x1b[{}A\r\x1b[J", lines_drawn_);
    }

    void draw() {
        if (rows_.empty()) return;
        const TerminalSize size = terminal_size(err_.fd).value_or(TerminalSize{24, 80});
        const milliseconds now = elapsed();
        const FrameStyle style{size.columns, size.rows, err_.colour};
        const std::vector<std::string> lines = render_frame(title_, rows_, now, style);
        // One write a frame, each line cleared as it is overwritten: no flicker.
        std::string text = cursor_hidden_ ? "" : "\x1b[?25l";
        cursor_hidden_ = true;
        if (lines_drawn_ > 0 && size.columns >= columns_drawn_)
            text += fmt::format("\x1b[{}A\r", lines_drawn_);
        for (const std::string& line : lines) text += line + "\x1b[K\n";
        text += "\x1b[J";
        write_err(err_.fd, text);
        lines_drawn_ = lines.size();
        columns_drawn_ = size.columns;
        drawn_at_ = now;
        dirty_ = false;
    }

    Terminal err_;
    std::string title_;
    std::vector<ProgressRow> rows_;
    std::map<std::string, std::size_t> index_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    milliseconds drawn_at_{-1000};
    std::size_t lines_drawn_ = 0;
    unsigned short columns_drawn_ = 0;
    bool dirty_ = false, cursor_hidden_ = false, finished_ = false;
};

class PlainProgress final : public Progress {
  public:
    PlainProgress(const Terminal& err, std::string prefix) : err_{err}, prefix_{std::move(prefix)} {}
    void update(const control::ProgressEvent& event) override {
        std::string line =
            fmt::format("{} {}  {}", prefix_, printable(event.resource), printable(event.status));
        if (!event.detail.empty()) line += "  " + printable(event.detail);
        write_err(err_.fd, line + "\n");
    }
    void note(const std::string& line) override {
        write_err(err_.fd, line.ends_with('\n') ? line : line + "\n");
    }

  private:
    Terminal err_;
    std::string prefix_;
};

class JsonProgress final : public Progress {
  public:
    explicit JsonProgress(const Terminal& err) : err_{err} {}
    void update(const control::ProgressEvent& event) override {
        nlohmann::json line{{"id", event.resource}, {"status", event.status}};
        switch (look_of_status(event.status)) {
            case Look::working:
                line["state"] = "working";
                break;
            case Look::done:
                line["state"] = "done";
                break;
            case Look::warning:
                line["state"] = "warning";
                break;
            case Look::failed:
                line["state"] = "error";
                break;
        }
        if (!event.detail.empty()) line["details"] = event.detail;
        write(line);
    }
    void note(const std::string& line) override {
        write({{"message", line.substr(0, line.find_last_not_of('\n') + 1)}});
    }

  private:
    void write(const nlohmann::json& line) {
        write_err(err_.fd, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    }
    Terminal err_;
};

class QuietProgress final : public Progress {
  public:
    explicit QuietProgress(const Terminal& err) : err_{err} {}
    void update(const control::ProgressEvent&) override {}
    void note(const std::string& line) override {
        write_err(err_.fd, line.ends_with('\n') ? line : line + "\n");
    }

  private:
    Terminal err_;
};

}  // namespace

ProgressRow::Look look_of_status(const std::string& status) {
    static const std::set<std::string> done{"Created",   "Started", "Healthy", "Exited",    "Running",
                                            "Recreated", "Stopped", "Removed", "Restarted", "Killed",
                                            "Skipped",   "Pulled",  "Exists",  "Unchanged"};
    if (status == "Error" || status == "Failed" || status == "Unhealthy") return Look::failed;
    if (status == "Warning" || status == "Interrupted") return Look::warning;
    return done.contains(status) ? Look::done : Look::working;
}

std::vector<std::string> render_frame(const std::string& title, const std::vector<ProgressRow>& rows,
                                      std::chrono::milliseconds now, const FrameStyle& style) {
    std::size_t done = 0, resource_width = 0, status_width = 0;
    for (const ProgressRow& row : rows) {
        if (row.look != Look::working) ++done;
        resource_width = std::max(resource_width, display_width(printable(row.resource)));
        status_width = std::max(status_width, display_width(printable(row.status)));
    }
    std::string header = fmt::format("[+] {} {}/{}", title, done, rows.size());
    std::vector<std::string> lines{
        coloured(cut_to_width(header, style.columns), "34", style.colour && done == rows.size())};
    // the header, and the line that the cursor stands on below the frame
    const std::size_t room = style.rows > 3 ? style.rows - 2 : 1;
    for (const ProgressRow* row : rows_that_fit(rows, room))
        lines.push_back(render_row(*row, resource_width, status_width, now, style));
    return lines;
}

std::unique_ptr<Progress> Progress::make(ProgressMode mode, const Terminal& err, std::string title,
                                         std::string prefix) {
    if (mode == ProgressMode::automatic) {
        const bool live = err.is_terminal && err.colour && prefix.empty();
        mode = live ? ProgressMode::tty : ProgressMode::plain;
    }
    switch (mode) {
        case ProgressMode::tty:
            return std::make_unique<LiveProgress>(err, std::move(title));
        case ProgressMode::json:
            return std::make_unique<JsonProgress>(err);
        case ProgressMode::quiet:
            return std::make_unique<QuietProgress>(err);
        case ProgressMode::plain:
        case ProgressMode::automatic:
            break;
    }
    return std::make_unique<PlainProgress>(err, std::move(prefix));
}

}  // namespace stack::cli
