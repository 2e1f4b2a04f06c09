#include "runtime/oci/bundle.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/joined_mounts.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::oci {

namespace {
constexpr std::size_t kMaxConfig = std::size_t{9}
                                   << 20;  // read_config says what is too large, and how large it may be
constexpr int kMaxListenFds = 1000;
}  // namespace

std::string absolute_directory(const std::string& path) {
    char resolved[PATH_MAX];
    if (::realpath(path.c_str(), resolved) == nullptr) throw_errno(fmt::format("open bundle {}", path));
    return resolved;
}

BundleConfig read_bundle(const CreateOptions& options, const std::string& bundle) {
    const std::string path = options.config_file.empty() ? bundle + "/config.json" : options.config_file;
    std::optional<std::string> text = read_file_if_exists(path, kMaxConfig);
    if (!text)
        throw Error{ErrorKind::not_found, fmt::format("JSON specification file {} not found", path)}
            .with_hint("`stack-runtime spec` writes one");
    OciConfig config = read_config(*text);
    resolve_bundle_paths(config.spec, bundle);
    if (!joined_mounts(config.spec).empty()) return {std::move(config), std::move(*text)};
    struct stat root {};
    if (::stat(config.spec.root.path.c_str(), &root) != 0)
        throw_errno(fmt::format("root.path: open {}", config.spec.root.path));
    if (!S_ISDIR(root.st_mode))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("root.path: {} is not a directory", config.spec.root.path)};
    return {std::move(config), std::move(*text)};
}

void check_console(const ProcessSpec& process, const std::string& console_socket, bool detached) {
    if (process.terminal && detached && console_socket.empty())
        throw Error{ErrorKind::invalid_input,
                    "cannot allocate tty if the runtime will detach without setting console socket"}
            .with_hint("pass --console-socket, or set process.terminal to false");
    if (!console_socket.empty() && !process.terminal)
        throw Error{ErrorKind::invalid_input, "cannot use console socket if the container has no terminal"}
            .with_hint("set process.terminal to true, or leave --console-socket away");
}

void drop_impossible_ambient(CapabilitySets& sets, std::vector<std::string>& warnings) {
    const auto in = [](const std::vector<std::string>& set, const std::string& name) {
        return std::find(set.begin(), set.end(), name) != set.end();
    };
    std::vector<std::string> dropped;
    std::erase_if(sets.ambient, [&](const std::string& name) {
        if (in(sets.permitted, name) && in(sets.inheritable, name)) return false;
        dropped.push_back(name);
        return true;
    });
    if (!dropped.empty())
        warnings.push_back(
            fmt::format("can't raise ambient capabilities that are not permitted and inheritable: {}",
                        join(dropped, ", ")));
}

int listen_fds() {
    const char* count = ::getenv("LISTEN_FDS");
    const char* pid = ::getenv("LISTEN_PID");
    if (count == nullptr || (pid != nullptr && std::to_string(::getpid()) != pid)) return 0;
    const std::optional<long long> number = parse_int(count);
    if (!number || *number < 0 || *number > kMaxListenFds)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("LISTEN_FDS is \"{}\", which is no number of descriptors", count)};
    return static_cast<int>(*number);
}

int pass_on_listen_fds(ProcessSpec& process) {
    const int count = listen_fds();
    if (count == 0) return 0;
    process.env.push_back(fmt::format("LISTEN_FDS={}", count));
    process.env.emplace_back("LISTEN_PID=1");
    if (const char* names = ::getenv("LISTEN_FDNAMES"))
        process.env.push_back(fmt::format("LISTEN_FDNAMES={}", names));
    return count;
}

void keep_descriptors(int preserved) {
    for (int fd = 3; fd < 3 + preserved; ++fd)
        if (::fcntl(fd, F_GETFD) < 0)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("descriptor {} is to be preserved and is not open", fd)};
    ::syscall(SYS_close_range, static_cast<unsigned>(3 + preserved), ~0u, 0u);
}

}  // namespace stack::oci
