// The one error type of the project.
//
// Lower layers state the fact, each level above adds its own purpose once with `add_context`. A position is
// set when a user's file is to blame. Exit codes and the JSON of the control API come from `ErrorKind`
// (error.cpp).
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stack {

/// What the caller can do about a failure.
enum class ErrorKind {
    invalid_input,   ///< the user's file or flags are wrong
    not_found,       ///< a named thing does not exist
    already_exists,  ///< a name is taken
    conflict,        ///< something else holds the resource (a port, a lock, a running project)
    not_supported,   ///< known, but this program or this kernel can't do it
    permission,      ///< the caller lacks a privilege
    timeout,         ///< a limit ran out
    cancelled,       ///< asked to stop
    failed,          ///< everything else: the operation did not work
    internal,        ///< a broken invariant of this program
};

/// A place in a file of the user; line and column are 1-based, 0 means unknown.
struct SourcePosition {
    std::string file;
    int line = 0;
    int column = 0;
    bool operator==(const SourcePosition&) const = default;
    [[nodiscard]] bool known() const { return !file.empty(); }
    /// `file:line:column`, without the parts that are unknown.
    [[nodiscard]] std::string text() const;
};

class Error : public std::exception {
  public:
    Error(ErrorKind kind, std::string message);

    /// `message: strerror (ENAME)`, kind derived from the errno value.
    static Error from_errno(int err, std::string message);

    Error& add_context(std::string doing) &;
    Error&& add_context(std::string doing) &&;
    Error& at(SourcePosition position) &;
    Error&& at(SourcePosition position) &&;
    Error& with_hint(std::string hint) &;
    Error&& with_hint(std::string hint) &&;

    [[nodiscard]] ErrorKind kind() const { return kind_; }
    /// The errno behind the failure, 0 when there is none.
    [[nodiscard]] int code() const { return errno_; }
    /// The bare fact, without context.
    [[nodiscard]] const std::string& message() const { return message_; }
    /// Outermost purpose first.
    [[nodiscard]] std::vector<std::string> context() const;
    [[nodiscard]] const std::optional<SourcePosition>& position() const { return position_; }
    [[nodiscard]] const std::string& hint() const { return hint_; }
    /// `outer: inner: fact`, one line.
    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

  private:
    void rebuild();
    ErrorKind kind_;
    int errno_ = 0;
    std::string message_;
    std::vector<std::string> context_;  // innermost first
    std::optional<SourcePosition> position_;
    std::string hint_;
    std::string what_;
};

/// `ENOENT` for 2; "errno N" for numbers without a name.
std::string errno_name(int err);
/// `No such file or directory (ENOENT)`.
std::string errno_text(int err);

/// The process exit status for a failure of this kind.
int exit_code(ErrorKind kind);
/// The stable word of this kind in JSON ("invalid-input", …), and back (unknown words give `failed`).
std::string_view kind_name(ErrorKind kind);
ErrorKind kind_from_name(std::string_view name);

/// Throws `Error::from_errno(errno, message)`; reads errno before anything else can change it.
[[noreturn]] void throw_errno(std::string_view message);

}  // namespace stack
