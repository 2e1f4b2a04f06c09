// Shows images on their way, on stderr: live lines on a terminal (transfer_frame.hpp), a line at the start and the
// end of each image elsewhere, JSON lines for programs, or nothing.
//
//      Image redis:7  Pulling
//      Image redis:7  Pulled  41.3MB in 3.2s
#pragma once

#include "manager/cli/options.hpp"
#include "manager/cli/terminal.hpp"
#include "manager/cli/transfer/transfer_board.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace stack::cli {

/// What is done to images, in the forms that a display needs.
struct TransferVerb {
    std::string doing;  ///< "Pulling"
    std::string done;   ///< "Pulled"
};

class TransferDisplay {
  public:
    /// One row for each of `subjects` ("Image redis:7"); members name a row by its place.
    static std::unique_ptr<TransferDisplay> make(ProgressMode mode, const Terminal& err, TransferVerb verb,
                                                 const std::vector<std::string>& subjects);
    TransferDisplay(const Terminal& err, TransferVerb verb, const std::vector<std::string>& subjects);
    virtual ~TransferDisplay() = default;

    void start(std::size_t row);
    /// Errors are told by `end`, and not by this.
    void hear(std::size_t row, const WorkerEvent& event);
    void end(std::size_t row, TransferRow::State how);

    /// Draws again; call about every `tick_interval`, zero for never, and after a resize.
    virtual void tick() {}
    [[nodiscard]] virtual std::chrono::milliseconds tick_interval() const { return {}; }
    /// Leaves the last picture on the screen. Called by destructors too.
    virtual void finish() {}

  protected:
    // Called after the row has changed.
    virtual void row_changed(const TransferRow& row) = 0;
    virtual void layer_changed(const TransferRow&, const LayerEvent&) {}
    virtual void note(const TransferRow& row, const NoteEvent& event);

    [[nodiscard]] std::chrono::milliseconds elapsed() const;
    [[nodiscard]] const TransferVerb& verb() const { return verb_; }
    [[nodiscard]] const std::vector<TransferRow>& rows() const { return rows_; }
    [[nodiscard]] const Terminal& err() const { return err_; }

  private:
    Terminal err_;
    TransferVerb verb_;
    std::vector<TransferRow> rows_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace stack::cli
