// Runs the built `stack` as a user would: own directories, captured output, a time limit, optionally a
// terminal.
#pragma once

#include "tests/support/temp_root.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stack::test {

/// How a run ended.
struct Outcome {
    int exit_code = -1;      ///< 128+n when a signal ended it
    bool timed_out = false;  ///< killed by the runner at its limit
    std::string out;         ///< with a terminal: everything, and `err` is empty
    std::string err;
    std::chrono::milliseconds duration{};
    /// For messages of failed expectations: exit code and both outputs.
    [[nodiscard]] std::string text() const;
};

struct Invocation {
    std::vector<std::string> args;
    std::map<std::string, std::string> env;  ///< added to a minimal environment (PATH, HOME, LANG)
    std::string input;                       ///< what stdin holds; empty: /dev/null
    std::string working_dir;                 ///< empty: the project directory
    bool terminal = false;  ///< run on a pseudo terminal of 24×80 as its controlling terminal
    std::chrono::milliseconds limit = std::chrono::seconds{60};
};

/// A run in progress. Killed (SIGKILL) and reaped in the destructor if it is still there.
class RunningStack {
  public:
    RunningStack(RunningStack&&) noexcept;
    RunningStack& operator=(RunningStack&&) noexcept;
    ~RunningStack();

    [[nodiscard]] int pid() const;
    [[nodiscard]] std::string out_so_far() const;
    [[nodiscard]] std::string err_so_far() const;
    [[nodiscard]] bool running() const;
    /// Polls until the output (stdout, or the terminal) contains `text` so many times.
    [[nodiscard]] bool prints(std::string_view text, int times = 1,
                              std::chrono::milliseconds limit = std::chrono::seconds{20}) const;
    void signal(int number) const;
    /// Writes to the terminal, as typed ("\x03" is Ctrl-C).
    void type(std::string_view keys) const;
    /// Waits for the end, kills at the limit of the invocation.
    Outcome wait();

  private:
    friend class StackRunner;
    struct Impl;
    explicit RunningStack(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// `stack` with --root and --run-root in a private directory. The destructor takes the project down, then
/// kills what is still there, so that a failed test leaves nothing on the machine.
class StackRunner {
  public:
    StackRunner();
    ~StackRunner();
    StackRunner(const StackRunner&) = delete;
    StackRunner& operator=(const StackRunner&) = delete;

    /// The program under test: $STACK_PROGRAM, else build/bin/stack.
    [[nodiscard]] static std::string program();
    [[nodiscard]] const TempRoot& dirs() const { return dirs_; }
    [[nodiscard]] const std::string& project() const { return dirs_.project(); }
    /// `project-service-number`.
    [[nodiscard]] std::string container(std::string_view service, int number = 1) const;
    /// Writes a file of the project directory and returns its path.
    std::string write(std::string_view name, std::string_view content, unsigned mode = 0644) const;
    void compose(std::string_view yaml) const { write("compose.yaml", yaml); }

    Outcome run(std::vector<std::string> args) const;
    Outcome run(Invocation invocation) const;
    RunningStack start(Invocation invocation) const;

    /// Makes the image `payload` (stack-payload and busybox) known to this root.
    void import_payload_image() const;
    /// Pids of processes that belong to this runner's directory, by command name ("stack-keeper", "stack" for
    /// the supervisor); ascending.
    [[nodiscard]] std::vector<int> processes(std::string_view command_name) const;
    /// The supervisor's pid; 0 when none runs.
    [[nodiscard]] int supervisor() const;
    [[nodiscard]] int keeper() const;

  private:
    TempRoot dirs_;
};

}  // namespace stack::test
