#include "runtime/keeper/keeper_client.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/keeper/keeper_protocol.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack {

namespace {

using keeper::Frame;
using keeper::FrameType;

Error keeper_gone() {
    return Error{ErrorKind::failed, "the project's keeper is gone"};
}

Frame make_frame(FrameType type, std::string_view name = {}) {
    Frame frame;
    frame.type = type;
    frame.length = sizeof frame;
    ::memcpy(frame.name, name.data(), name.size());
    return frame;
}

void send_frame(int socket, const Frame& frame, std::span<const int> fds = {}) {
    try {
        send_with_fds(socket, std::as_bytes(std::span{&frame, 1}), fds);
    } catch (Error& error) {
        if (error.code() == EPIPE || error.code() == ECONNRESET) throw keeper_gone();
        throw error.add_context("talking to the keeper");
    }
}

Frame checked_frame(std::span<const std::byte> bytes) {
    if (bytes.empty()) throw keeper_gone();
    Frame frame;
    if (bytes.size() != sizeof frame)
        throw Error{ErrorKind::internal, "a frame of the keeper has the wrong size"};
    ::memcpy(&frame, bytes.data(), sizeof frame);
    if (frame.magic != keeper::kFrameMagic) throw Error{ErrorKind::internal, "not a frame of the keeper"};
    if (frame.version != keeper::kVersion)
        throw Error{ErrorKind::not_supported, fmt::format("the keeper speaks version {}, this program {}",
                                                          frame.version, keeper::kVersion)};
    return frame;
}

ExitRecord exit_record(const Frame& frame) {
    return {frame.number, frame.pid, frame.status, frame.time_ns, frame.start_time, {}};
}

void check_name(std::string_view name) {
    if (name.empty() || name.size() >= keeper::kNameSize || name.find('\0') != std::string_view::npos)
        throw Error{ErrorKind::internal, fmt::format("'{}' is no name for the keeper", name)};
}

std::string boot_id_text(const std::uint8_t (&bytes)[16]) {
    std::string text;
    for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", bytes[i]);
    }
    return text;
}

}  // namespace

KeeperClient::KeeperClient(UniqueFd socket) : socket_{std::move(socket)} {}

std::optional<KeeperClient> KeeperClient::from_environment() {
    const char* text = ::getenv(keeper::kSocketVariable);
    if (text == nullptr) return std::nullopt;
    const std::optional<long long> number = parse_int(text);
    ::unsetenv(keeper::kSocketVariable);
    if (!number || *number < 3 || *number > 1 << 20) return std::nullopt;
    UniqueFd socket{static_cast<int>(*number)};
    if (::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
        static_cast<void>(socket.release());
        return std::nullopt;
    }
    return KeeperClient{std::move(socket)};
}

KeeperClient::Inheritance KeeperClient::receive_inheritance() {
    Inheritance result;
    for (;;) {
        ReceivedMessage message = receive_with_fds(socket_.get(), sizeof(Frame) + 1);
        const Frame frame = checked_frame(message.bytes);
        switch (frame.type) {
            case FrameType::hello:
                max_entries_ = frame.count;
                break;
            case FrameType::held: {
                std::string name{frame.name, ::strnlen(frame.name, keeper::kNameSize)};
                names_.insert(name);
                result.held.push_back({std::move(name), std::move(message.fds)});
                break;
            }
            case FrameType::exited:
                result.exits.push_back(exit_record(frame));
                break;
            case FrameType::inheritance:
                return result;
            default:
                break;  // of a later version that still counts as this one: not for us
        }
    }
}

void KeeperClient::hold(std::string_view name, std::span<const int> fds) {
    check_name(name);
    if (fds.empty() || fds.size() > keeper::kMaxFdsPerEntry)
        throw Error{ErrorKind::internal,
                    fmt::format("the keeper holds 1 to {} descriptors under a name, not {}",
                                keeper::kMaxFdsPerEntry, fds.size())};
    if (!names_.contains(name) && names_.size() >= max_entries_)
        throw Error{ErrorKind::failed,
                    fmt::format("the keeper can't hold more than {} entries", max_entries_)}
            .with_hint("raise the limit of open files (ulimit -n)");
    Frame frame = make_frame(FrameType::hold, name);
    frame.count = static_cast<std::uint32_t>(fds.size());
    send_frame(socket_.get(), frame, fds);
    names_.emplace(name);
}

void KeeperClient::drop(std::string_view name) {
    check_name(name);
    send_frame(socket_.get(), make_frame(FrameType::drop, name));
    if (const auto at = names_.find(name); at != names_.end()) names_.erase(at);
}

void KeeperClient::acknowledge(std::uint64_t sequence) {
    Frame frame = make_frame(FrameType::acknowledge);
    frame.number = sequence;
    send_frame(socket_.get(), frame);
}

void KeeperClient::quit() {
    send_frame(socket_.get(), make_frame(FrameType::quit));
}

std::optional<ExitRecord> KeeperClient::try_receive() {
    for (;;) {
        Frame buffer;
        const ssize_t got = ::recv(socket_.get(), &buffer, sizeof buffer, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
        if (got < 0) throw_errno("receive from the keeper");
        const Frame frame =
            checked_frame(std::as_bytes(std::span{&buffer, 1}).first(static_cast<std::size_t>(got)));
        if (frame.type == FrameType::exited) return exit_record(frame);
    }
}

std::vector<ExitRecord> read_exit_journal(const std::string& path) {
    const std::string bytes = read_file_if_exists(path).value_or("");
    std::vector<ExitRecord> result;
    keeper::JournalRecord record;
    for (std::size_t at = 0; at + sizeof record <= bytes.size(); at += sizeof record) {
        ::memcpy(&record, bytes.data() + at, sizeof record);
        if (record.magic != keeper::kJournalMagic || record.checksum != keeper::journal_checksum(record))
            continue;
        result.push_back({record.sequence, record.pid, record.status, record.time_ns, record.start_time,
                          boot_id_text(record.boot_id)});
    }
    return result;
}

}  // namespace stack
