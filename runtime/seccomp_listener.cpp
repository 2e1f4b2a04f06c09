#include "runtime/seccomp_listener.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/socket_address.hpp"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack {

SharedText::SharedText() {
    void* memory = ::mmap(nullptr, kMaxSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_errno("map memory for the seccomp agent's message");
    content_ = static_cast<Content*>(memory);
}

SharedText::SharedText(SharedText&& other) noexcept : content_{std::exchange(other.content_, nullptr)} {}

SharedText& SharedText::operator=(SharedText&& other) noexcept {
    std::swap(content_, other.content_);
    return *this;
}

SharedText::~SharedText() {
    if (content_) ::munmap(content_, kMaxSize);
}

void SharedText::write(std::string_view text) {
    if (text.size() > kMaxSize - offsetof(Content, text))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("the state for the seccomp agent is larger than {} KiB", kMaxSize / 1024)}
            .with_hint("its annotations are part of it");
    std::memcpy(content_->text, text.data(), text.size());
    content_->size = static_cast<std::uint32_t>(text.size());
}

UniqueFd connect_seccomp_agent(const std::string& path) {
    constexpr const char* kHint =
        "the profile's listenerPath is the socket of a program that decides about calls";
    if (!path.starts_with('/'))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("\"{}\" is no path of a seccomp agent's socket", path)}
            .with_hint("a profile with SCMP_ACT_NOTIFY needs an absolute listenerPath");
    const SocketAddress address{path};
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) throw_errno("make a socket");
    if (::connect(socket.get(), address.get(), address.size()) != 0)
        throw Error::from_errno(errno, fmt::format("connect to the seccomp agent {}", path)).with_hint(kHint);
    return socket;
}

std::string container_process_state(pid_t pid, std::string_view state_json, const std::string& metadata) {
    const nlohmann::json state = nlohmann::json::parse(state_json, nullptr, false);
    if (!state.is_object()) throw Error{ErrorKind::internal, "the container's state is no JSON object"};
    nlohmann::ordered_json document;
    document["ociVersion"] = state.value("ociVersion", "1.3.0");
    document["fds"] = {"seccompFd"};
    document["pid"] = pid;
    document["metadata"] = metadata;
    document["state"] = state;
    return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string process_state_of_successor(std::string_view process_state, pid_t pid) {
    auto document = nlohmann::ordered_json::parse(process_state);
    const auto first = document["state"].find("pid");
    if (first != document["state"].end() && *first == document["pid"]) *first = pid;
    document["pid"] = pid;
    return document.dump();
}

}  // namespace stack
