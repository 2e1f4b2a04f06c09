#include "runtime/base/error.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

struct KindRow {
    ErrorKind kind;
    std::string_view name;
    int exit_code;
};

// One table for exit codes and for the words of the control API.
constexpr std::array kKinds{
    KindRow{ErrorKind::invalid_input, "invalid-input", 1},
    KindRow{ErrorKind::not_found, "not-found", 1},
    KindRow{ErrorKind::already_exists, "already-exists", 1},
    KindRow{ErrorKind::conflict, "conflict", 1},
    KindRow{ErrorKind::not_supported, "not-supported", 1},
    KindRow{ErrorKind::permission, "permission", 1},
    KindRow{ErrorKind::timeout, "timeout", 1},
    KindRow{ErrorKind::cancelled, "cancelled", 130},
    KindRow{ErrorKind::failed, "failed", 1},
    KindRow{ErrorKind::internal, "internal", 70},
};

ErrorKind kind_of_errno(int err) {
    switch (err) {
        case ENOENT:
        case ESRCH:
        case ENXIO:
        case ENODEV:
            return ErrorKind::not_found;
        case EEXIST:
            return ErrorKind::already_exists;
        case EADDRINUSE:
        case EBUSY:
        case ETXTBSY:
            return ErrorKind::conflict;
        case EPERM:
        case EACCES:
            return ErrorKind::permission;
        case ENOSYS:
        case EOPNOTSUPP:
            return ErrorKind::not_supported;
        case ETIMEDOUT:
            return ErrorKind::timeout;
        case ECANCELED:
            return ErrorKind::cancelled;
        default:
            return ErrorKind::failed;
    }
}

}  // namespace

std::string SourcePosition::text() const {
    if (line <= 0) return file;
    if (column <= 0) return fmt::format("{}:{}", file, line);
    return fmt::format("{}:{}:{}", file, line, column);
}

Error::Error(ErrorKind kind, std::string message) : kind_{kind}, message_{std::move(message)} {
    rebuild();
}

Error Error::from_errno(int err, std::string message) {
    Error error{kind_of_errno(err), fmt::format("{}: {}", message, errno_text(err))};
    error.errno_ = err;
    return error;
}

Error& Error::add_context(std::string doing) & {
    context_.push_back(std::move(doing));
    rebuild();
    return *this;
}
Error&& Error::add_context(std::string doing) && {
    return std::move(add_context(std::move(doing)));
}

Error& Error::at(SourcePosition position) & {
    position_ = std::move(position);
    return *this;
}
Error&& Error::at(SourcePosition position) && {
    return std::move(at(std::move(position)));
}

Error& Error::with_hint(std::string hint) & {
    hint_ = std::move(hint);
    return *this;
}
Error&& Error::with_hint(std::string hint) && {
    return std::move(with_hint(std::move(hint)));
}

std::vector<std::string> Error::context() const {
    return {context_.rbegin(), context_.rend()};
}

void Error::rebuild() {
    what_.clear();
    for (auto it = context_.rbegin(); it != context_.rend(); ++it) what_ += *it + ": ";
    what_ += message_;
}

std::string errno_name(int err) {
    if (const char* name = ::strerrorname_np(err)) return name;
    return fmt::format("errno {}", err);
}

std::string errno_text(int err) {
    const char* text = ::strerrordesc_np(err);
    return fmt::format("{} ({})", text ? text : "unknown error", errno_name(err));
}

int exit_code(ErrorKind kind) {
    for (const KindRow& row : kKinds)
        if (row.kind == kind) return row.exit_code;
    return 1;
}

std::string_view kind_name(ErrorKind kind) {
    for (const KindRow& row : kKinds)
        if (row.kind == kind) return row.name;
    return "failed";
}

ErrorKind kind_from_name(std::string_view name) {
    for (const KindRow& row : kKinds)
        if (row.name == name) return row.kind;
    return ErrorKind::failed;
}

void throw_errno(std::string_view message) {
    const int err = errno;
    throw Error::from_errno(err, std::string{message});
}

}  // namespace stack
