// What the keeper holds, and its talk with the supervisor: every send is non-blocking, and what can't be said now is said
// when the socket takes it.
#include "runtime/keeper/keeper_state.hpp"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stack::keeper {

namespace {

void release(Entry& entry) {
    for (std::size_t i = 0; i < entry.count; ++i) ::close(entry.fds[i]);
    entry.used = false;
    entry.count = 0;
}

Entry* find_entry(const char* name) {
    for (std::size_t i = 0; i < keeper.entry_limit; ++i)
        if (keeper.entries[i].used && ::strncmp(keeper.entries[i].name, name, kNameSize) == 0)
            return &keeper.entries[i];
    return nullptr;
}

}  // namespace

void hold(const char* name, const int* fds, std::size_t count) {
    Entry* entry = find_entry(name);
    if (entry != nullptr) release(*entry);
    for (std::size_t i = 0; entry == nullptr && i < keeper.entry_limit; ++i)
        if (!keeper.entries[i].used) entry = &keeper.entries[i];
    if (entry == nullptr) {  // the client counts, so this is a broken one
        for (std::size_t i = 0; i < count; ++i) ::close(fds[i]);
        return;
    }
    entry->used = true;
    entry->count = static_cast<std::uint8_t>(count);
    ::memcpy(entry->fds, fds, count * sizeof(int));
    ::strncpy(entry->name, name, kNameSize - 1);
    entry->name[kNameSize - 1] = '\0';
}

namespace {

enum class Sent { yes, buffer_full, too_many_descriptors, gone };

Sent send_frame(const Frame& frame, const int* fds, std::size_t count) {
    iovec part{const_cast<Frame*>(&frame), sizeof frame};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFdsPerEntry)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        ::memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    while (::sendmsg(keeper.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET || errno == EBADF) return Sent::gone;
        // ETOOMANYREFS, ENOMEM: the supervisor has not read what is in flight; poll(2) does not tell when that ends.
        return errno == EAGAIN ? Sent::buffer_full : Sent::too_many_descriptors;
    }
    return Sent::yes;
}

Sent send_exit(const JournalRecord& record) {
    Frame frame;
    frame.type = FrameType::exited;
    frame.length = sizeof frame;
    frame.number = record.sequence;
    frame.pid = record.pid;
    frame.status = record.status;
    frame.time_ns = record.time_ns;
    frame.start_time = record.start_time;
    return send_frame(frame, nullptr, 0);
}

Sent send_held(const Entry& entry) {
    Frame frame;
    frame.type = FrameType::held;
    frame.length = sizeof frame;
    frame.count = entry.count;
    ::memcpy(frame.name, entry.name, kNameSize);
    return send_frame(frame, entry.fds, entry.count);
}

Sent send_plain(FrameType type, std::uint64_t number, std::uint32_t count) {
    Frame frame;
    frame.type = type;
    frame.length = sizeof frame;
    frame.number = number;
    frame.count = count;
    return send_frame(frame, nullptr, 0);
}

// One step of the inheritance or of the news; false when there is nothing to say.
bool send_next(Sent& result) {
    switch (keeper.stage) {
        case Keeper::Stage::hello:
            result = send_plain(FrameType::hello, kVersion, static_cast<std::uint32_t>(keeper.entry_limit));
            if (result == Sent::yes) keeper.stage = Keeper::Stage::held;
            return true;
        case Keeper::Stage::held:
            while (keeper.next_entry < keeper.entry_limit && !keeper.entries[keeper.next_entry].used)
                ++keeper.next_entry;
            if (keeper.next_entry == keeper.entry_limit) {
                keeper.stage = Keeper::Stage::exits;
                return send_next(result);
            }
            result = send_held(keeper.entries[keeper.next_entry]);
            if (result == Sent::yes) ++keeper.next_entry;
            return true;
        case Keeper::Stage::inheritance:
            result = send_plain(FrameType::inheritance, 0, 0);
            if (result == Sent::yes) keeper.stage = Keeper::Stage::live;
            return true;
        case Keeper::Stage::exits:
        case Keeper::Stage::live:
            break;
    }
    if (keeper.next_told < keeper.first_exit) keeper.next_told = keeper.first_exit;
    while (keeper.next_told != keeper.next_sequence && exit_at(keeper.next_told).acknowledged)
        ++keeper.next_told;
    if (keeper.next_told != keeper.next_sequence) {
        result = send_exit(exit_at(keeper.next_told).record);
        if (result == Sent::yes) ++keeper.next_told;
        return true;
    }
    if (keeper.stage == Keeper::Stage::live) return false;
    keeper.stage = Keeper::Stage::inheritance;
    return send_next(result);
}

}  // namespace

void close_socket() {
    if (keeper.socket >= 0) ::close(keeper.socket);
    keeper.socket = -1;
}

void send_what_there_is() {
    keeper.blocked = Keeper::Blocked::no;
    while (keeper.socket >= 0) {
        Sent result = Sent::yes;
        if (!send_next(result)) return;
        if (result == Sent::yes) continue;
        if (result == Sent::buffer_full) keeper.blocked = Keeper::Blocked::buffer;
        if (result == Sent::too_many_descriptors) keeper.blocked = Keeper::Blocked::descriptors;
        return;
    }
}

namespace {

void handle_frame(const Frame& frame, const int* fds, std::size_t count) {
    switch (frame.type) {
        case FrameType::hold:
            if (count == 0 || count > kMaxFdsPerEntry || count != frame.count || frame.name[0] == '\0') break;
            hold(frame.name, fds, count);
            return;  // they are ours now
        case FrameType::drop:
            if (Entry* entry = find_entry(frame.name)) release(*entry);
            break;
        case FrameType::acknowledge:
            if (frame.number >= keeper.first_exit && frame.number < keeper.next_sequence)
                exit_at(frame.number).acknowledged = true;
            forget_finished_exits();
            break;
        case FrameType::quit:
            keeper.quit = true;
            break;
        default:
            break;
    }
    for (std::size_t i = 0; i < count; ++i) ::close(fds[i]);
}

// One frame; false when there is none now, or no more ever.
bool receive_frame() {
    constexpr std::size_t kRoom = 32;
    Frame frame;
    iovec part{&frame, sizeof frame};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kRoom)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(keeper.socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) return true;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (got <= 0) {
        close_socket();  // it closed its end; its death, or its life, is told by waitid
        return false;
    }
    int fds[kRoom];
    std::size_t count = 0;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < here && count < kRoom; ++i)
            ::memcpy(&fds[count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
    const bool sound = got == static_cast<ssize_t>(sizeof frame) && frame.magic == kFrameMagic &&
                       frame.version == kVersion && frame.length == sizeof frame &&
                       (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    frame.name[kNameSize - 1] = '\0';
    if (sound) {
        keeper.spoke = true;
        handle_frame(frame, fds, count);
    } else {
        for (std::size_t i = 0; i < count; ++i) ::close(fds[i]);
    }
    return true;
}

}  // namespace

void receive_what_there_is() {
    while (keeper.socket >= 0 && receive_frame()) {
    }
}

}  // namespace stack::keeper
