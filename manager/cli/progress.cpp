#include "manager/cli/progress.hpp"

#include "manager/cli/live_lines.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using std::chrono::milliseconds;
using Look = ProgressRow::Look;

constexpr milliseconds kTick{100};

// ---- the four ways to show it ----

class LiveProgress final : public Progress {
  public:
    LiveProgress(const Terminal& err, std::string title) : lines_{err}, title_{std::move(title)} {}
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
        lines_.note(line);
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
        draw();
        lines_.finish();
    }

  private:
    [[nodiscard]] milliseconds elapsed() const {
        return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_);
    }

    void draw() {
        if (rows_.empty()) return;
        const milliseconds now = elapsed();
        lines_.draw(render_frame(title_, rows_, now, lines_.style()));
        drawn_at_ = now;
        dirty_ = false;
    }

    LiveLines lines_;
    std::string title_;
    std::vector<ProgressRow> rows_;
    std::map<std::string, std::size_t> index_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    milliseconds drawn_at_{-1000};
    bool dirty_ = false, finished_ = false;
};

class PlainProgress final : public Progress {
  public:
    PlainProgress(const Terminal& err, std::string prefix) : err_{err}, prefix_{std::move(prefix)} {}
    void update(const control::ProgressEvent& event) override {
        std::string line =
            fmt::format("{} {}  {}", prefix_, printable(event.resource), printable(event.status));
        if (!event.detail.empty()) line += "  " + printable(event.detail);
        write_progress(err_, line + "\n");
    }
    void note(const std::string& line) override {
        write_progress(err_, line.ends_with('\n') ? line : line + "\n");
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
        write_progress(err_, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    }
    Terminal err_;
};

class QuietProgress final : public Progress {
  public:
    explicit QuietProgress(const Terminal& err) : err_{err} {}
    void update(const control::ProgressEvent&) override {}
    void note(const std::string& line) override {
        write_progress(err_, line.ends_with('\n') ? line : line + "\n");
    }

  private:
    Terminal err_;
};

}  // namespace

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
