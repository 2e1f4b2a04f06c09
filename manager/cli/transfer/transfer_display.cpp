#include "manager/cli/transfer/transfer_display.hpp"

#include "manager/cli/diagnostics.hpp"
#include "manager/cli/live_lines.hpp"
#include "manager/cli/transfer/transfer_frame.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using std::chrono::milliseconds;
using State = TransferRow::State;

/// `warning: Image redis:7: …`
std::string note_line(const TransferRow& row, const NoteEvent& event, bool colour) {
    return render_warning(fmt::format("{}: {}", row.subject, event.message), colour);
}

std::string retry_text(const NoteEvent& event) {
    return fmt::format("{}; trying again in {} s", event.message,
                       event.retry_in.value_or(std::chrono::seconds{0}).count());
}

class LiveTransfers final : public TransferDisplay {
  public:
    LiveTransfers(const Terminal& terminal, TransferVerb verb, const std::vector<std::string>& subjects)
        : TransferDisplay{terminal, std::move(verb), subjects}, lines_{terminal} {}
    ~LiveTransfers() override { LiveTransfers::finish(); }

    void tick() override { draw(); }
    [[nodiscard]] milliseconds tick_interval() const override { return milliseconds{100}; }
    void finish() override {
        if (std::exchange(finished_, true)) return;
        draw();
        lines_.finish();
    }

  private:
    void row_changed(const TransferRow&) override {}  // the next tick shows it
    void note(const TransferRow& row, const NoteEvent& event) override {
        if (event.retry_in) return;  // stands in the row until bytes come again
        lines_.note(note_line(row, event, err().colour));
        draw();
    }
    void draw() { lines_.draw(render_transfers(verb().doing, rows(), elapsed(), lines_.style())); }

    LiveLines lines_;
    bool finished_ = false;
};

class PlainTransfers final : public TransferDisplay {
  public:
    using TransferDisplay::TransferDisplay;

  private:
    void row_changed(const TransferRow& row) override {
        if (row.state == State::waiting) return;
        std::string line = fmt::format(" {}  {}", printable(row.subject), printable(row.word));
        if (!row.detail.empty()) line += "  " + printable(row.detail);
        write_progress(err(), line + "\n");
    }
    void note(const TransferRow& row, const NoteEvent& event) override {
        if (event.retry_in)
            write_progress(err(), fmt::format(" {}  Waiting  {}\n", printable(row.subject),
                                              printable(retry_text(event))));
        else
            TransferDisplay::note(row, event);
    }
};

class JsonTransfers final : public TransferDisplay {
  public:
    using TransferDisplay::TransferDisplay;

  private:
    void row_changed(const TransferRow& row) override {
        if (row.state == State::waiting) return;
        static constexpr std::array<const char*, 5> kStates{"working", "working", "done", "error", "warning"};
        nlohmann::json line{{"id", row.subject},
                            {"status", row.word},
                            {"state", kStates[static_cast<std::size_t>(row.state)]}};
        if (!row.detail.empty()) line["details"] = row.detail;
        write(line);
    }
    void layer_changed(const TransferRow& row, const LayerEvent& event) override {
        nlohmann::json line{{"id", event.id},
                            {"parent_id", row.subject},
                            {"status", layer_word(event.state)},
                            {"state", is_finished(event.state) ? "done" : "working"}};
        if (event.total > 0) {
            line["current"] = event.done;
            line["total"] = event.total;
            line["percent"] = 100 * std::min(event.done, event.total) / event.total;
        }
        write(line);
    }
    void note(const TransferRow& row, const NoteEvent& event) override {
        if (event.retry_in)
            write({{"id", row.subject},
                   {"status", "Waiting"},
                   {"state", "working"},
                   {"details", retry_text(event)}});
        else
            write({{"id", row.subject}, {"message", event.message}});
    }
    void write(const nlohmann::json& line) const {
        write_progress(err(), line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    }
};

class QuietTransfers final : public TransferDisplay {
  public:
    using TransferDisplay::TransferDisplay;

  private:
    void row_changed(const TransferRow&) override {}
};

}  // namespace

TransferDisplay::TransferDisplay(const Terminal& err, TransferVerb verb,
                                 const std::vector<std::string>& subjects)
    : err_{err}, verb_{std::move(verb)} {
    for (const std::string& subject : subjects) {
        TransferRow& row = rows_.emplace_back();
        row.subject = subject;
        row.word = "Waiting";
    }
}

milliseconds TransferDisplay::elapsed() const {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_);
}

void TransferDisplay::start(std::size_t index) {
    TransferRow& row = rows_[index];
    row.state = State::working;
    row.word = verb_.doing;
    row.started = elapsed();
    row_changed(row);
}

void TransferDisplay::hear(std::size_t index, const WorkerEvent& event) {
    TransferRow& row = rows_[index];
    if (const auto* layer = std::get_if<LayerEvent>(&event)) {
        apply_event(row, *layer, elapsed());
        layer_changed(row, *layer);
    } else if (const auto* copy = std::get_if<CopyEvent>(&event)) {
        apply_event(row, *copy, elapsed());
    } else if (const auto* said = std::get_if<NoteEvent>(&event)) {
        if (said->retry_in) row.detail = retry_text(*said);
        note(row, *said);
    } else if (const auto* result = std::get_if<ImageResult>(&event)) {
        row.detail = result_detail(*result, elapsed() - row.started);
    }
}

void TransferDisplay::end(std::size_t index, State how) {
    TransferRow& row = rows_[index];
    row.state = how;
    row.ended = elapsed();
    row.word = verb_.done;
    if (how == State::done) {
        row_changed(row);
        return;
    }
    row.detail.clear();
    row.word = how == State::failed ? "Error" : "Interrupted";
    row_changed(row);
}

void TransferDisplay::note(const TransferRow& row, const NoteEvent& event) {
    if (!event.retry_in) write_progress(err_, note_line(row, event, err_.colour));
}

std::unique_ptr<TransferDisplay> TransferDisplay::make(ProgressMode mode, const Terminal& err,
                                                       TransferVerb verb,
                                                       const std::vector<std::string>& subjects) {
    if (mode == ProgressMode::automatic)
        mode = err.is_terminal && err.colour ? ProgressMode::tty : ProgressMode::plain;
    switch (mode) {
        case ProgressMode::tty:
            return std::make_unique<LiveTransfers>(err, std::move(verb), subjects);
        case ProgressMode::json:
            return std::make_unique<JsonTransfers>(err, std::move(verb), subjects);
        case ProgressMode::quiet:
            return std::make_unique<QuietTransfers>(err, std::move(verb), subjects);
        case ProgressMode::plain:
        case ProgressMode::automatic:
            break;
    }
    return std::make_unique<PlainTransfers>(err, std::move(verb), subjects);
}

}  // namespace stack::cli
