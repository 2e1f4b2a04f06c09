// Lines at the bottom of a terminal that are drawn again and again in place. Knows nothing of what they say.
#pragma once

#include "manager/cli/progress_frame.hpp"
#include "manager/cli/terminal.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace stack::cli {

/// Progress that nobody reads (a closed pipe) must not end the command: failures are passed over.
void write_progress(const Terminal& to, std::string_view text);

class LiveLines {
  public:
    explicit LiveLines(const Terminal& terminal) : terminal_{terminal} {}
    ~LiveLines() { finish(); }
    LiveLines(const LiveLines&) = delete;
    LiveLines& operator=(const LiveLines&) = delete;

    /// As large as the terminal is now.
    [[nodiscard]] FrameStyle style() const;
    /// Replaces what was drawn before. `lines` are made for `style()`. Hides the cursor.
    void draw(const std::vector<std::string>& lines);
    /// A lasting line above; the caller draws again.
    void note(const std::string& line);
    /// What is drawn stays; the cursor is shown again.
    void finish();

  private:
    Terminal terminal_;
    std::size_t lines_drawn_ = 0, columns_drawn_ = 0;
    bool cursor_hidden_ = false;
};

}  // namespace stack::cli
