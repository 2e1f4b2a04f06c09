// `up` in the foreground: the operation with its progress first, then the containers' output until all of them have
// ended, Ctrl-C, or a container whose end is to end everything. A plain poll loop over four inputs: the operation's
// stream, the event stream, the log files and signals.
//
//   phase      shows                                leaves when
//   starting   progress                             the first container starts, or the operation ends
//   following  logs, exit lines, warnings           every shown container has ended for good and the operation too
//   stopping   the same and the steps of the stop   every container has ended, or a second Ctrl-C kills
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/cli/event_stream.hpp"
#include "manager/cli/log_view.hpp"
#include "manager/cli/operation.hpp"
#include "manager/cli/progress.hpp"
#include "manager/cli/signal_source.hpp"
#include "manager/compose/model.hpp"
#include "manager/engine/project_store.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>

namespace stack::cli {

/// Which services a foreground `up` looks at. Pure.
struct UpScope {
    std::set<std::string> involved;  ///< brought up: the named ones and what they need
    std::set<std::string> shown;     ///< whose logs are printed
    bool operator==(const UpScope&) const = default;
};
/// Throws Error(invalid_input) for --attach, --no-attach and --exit-code-from of a service that is not there.
UpScope scope_of(const compose::Project& project, const UpCommand& command);

class AttachedUp {
  public:
    /// References must outlive it.
    AttachedUp(const Context& context, const UpCommand& command, const compose::Project& project,
               std::string body);
    /// The exit code of `stack up`. Throws Error.
    int run();

  private:
    enum class Phase { starting, following, stopping, killing };

    void wait_for_input();
    void read_operation();
    void read_stop();
    void read_events();
    void read_signals();
    void on_step(const control::ProgressEvent& step);
    void on_event(const control::ContainerEvent& event);
    void on_die(const control::ContainerEvent& event);
    void begin_following();
    void show_container(const control::ContainerSummary& container);
    void stop_all(const std::string& message);
    void kill_all();
    void send_select(const char* target, int signal);
    void reconnect_events();
    [[nodiscard]] bool finished() const;
    [[nodiscard]] bool any_lives(const std::set<std::string>& services) const;
    int result() const;

    const Context& context_;
    const UpCommand& command_;
    const compose::Project& project_;
    const UpScope scope_;
    const std::int64_t begun_ns_;
    EventStream events_;
    Operation operation_;
    std::unique_ptr<Progress> progress_;
    SignalSource signals_;
    LogSink sink_;
    LogView view_;
    Phase phase_ = Phase::starting;
    std::optional<Operation> stop_;
    std::optional<int> interrupted_;  ///< signal that ended it
    std::optional<int> abort_code_;   ///< exit code of the container whose end ends everything
    std::optional<int> chosen_code_;  ///< first exit code of --exit-code-from
};

}  // namespace stack::cli
