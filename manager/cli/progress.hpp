// Shows what `up`, `down` and the rest are doing, on stderr: live lines on a terminal, one plain line per
// step elsewhere, JSON lines for programs, or nothing. Frames are made by progress_frame.hpp.
//
//     [+] Running 2/3
//      ✔ Network shop_default   Created                                  0.0s
//      ✔ Container shop-db-1    Healthy                                  1.2s
//      ⠹ Container shop-web-1   Starting                                 0.3s
#pragma once

#include "manager/cli/options.hpp"
#include "manager/cli/progress_frame.hpp"
#include "manager/cli/terminal.hpp"
#include "manager/control/protocol.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace stack::cli {

class Progress {
  public:
    /// `title` is the verb of the header: "Running", "Stopping". `prefix` goes before every plain line
    /// ("DRY-RUN MODE - ").
    static std::unique_ptr<Progress> make(ProgressMode mode, const Terminal& err, std::string title,
                                          std::string prefix = {});
    virtual ~Progress() = default;
    virtual void update(const control::ProgressEvent& event) = 0;
    /// A line that is no step: stays above the live lines.
    virtual void note(const std::string& line) = 0;
    /// Redraws the live lines; call about every `tick_interval`, and after a resize.
    virtual void tick() {}
    /// Zero: no ticks needed.
    [[nodiscard]] virtual std::chrono::milliseconds tick_interval() const {
        return std::chrono::milliseconds{0};
    }
    /// Leaves the last frame on the screen and the cursor below it. Called by destructors too.
    virtual void finish() {}
};

}  // namespace stack::cli
