// One operation of the supervisor as a client sees it: POST, then a stream of steps until the result. A supervisor
// that dies on the way is replaced by its keeper; the request is then sent again, for a plan that is half done is
// simply a shorter plan.
#pragma once

#include "manager/cli/commands.hpp"
#include "manager/cli/progress.hpp"
#include "manager/control/control_client.hpp"
#include "manager/control/protocol.hpp"

#include <optional>
#include <string>
#include <vector>

namespace stack::cli {

class Operation {
  public:
    /// `target` is "/v1/up" and so on; `body` its JSON. A supervisor is started if none runs. Throws Error.
    Operation(const Context& context, std::string project, std::string target, std::string body);

    /// Poll for POLLIN, then call `receive`.
    [[nodiscard]] int fd() const { return connection_->fd(); }
    /// Steps and warnings that have come. Empty does not mean the end: see `result`. Throws Error.
    std::vector<control::StreamEvent> receive();
    /// Set at the end.
    [[nodiscard]] const std::optional<control::ResultEvent>& result() const { return result_; }

  private:
    void send();
    [[nodiscard]] std::string where_its_log_is() const;
    const Context& context_;
    std::string project_, target_, body_;
    std::optional<control::ControlConnection> connection_;
    std::optional<control::ResultEvent> result_;
    int attempts_ = 0;
};

/// Prints the errors of a failed result; returns the exit code.
int report_result(const Context& context, const control::ResultEvent& result);

/// Runs an operation to its end with the progress view named `title`. Ctrl-C leaves it to the supervisor, which
/// goes on, and gives 130.
int run_operation(const Context& context, const std::string& project, const std::string& target,
                  const std::string& body, const std::string& title);

}  // namespace stack::cli
