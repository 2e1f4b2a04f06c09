#include "tests/support/script_server.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/paths.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace stack::test {

ScriptServer::ScriptServer(const std::string& script, const std::vector<std::string>& arguments) {
    Pipe out = make_pipe();
    SpawnOptions options;
    options.argv = {"/usr/bin/python3", source_path("tests/support/" + script)};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.fds = {-1, out.write.get(), STDERR_FILENO};
    process_ = spawn(options);
    out.write.reset();
    std::array<char, 16> line{};
    pollfd entry{out.read.get(), POLLIN, 0};
    const bool spoke = ::poll(&entry, 1, 20'000) == 1 && ::read(out.read.get(), line.data(), line.size()) > 0;
    const auto port = parse_int(trim(std::string_view{line.data()}));
    if (!spoke || !port) throw Error{ErrorKind::failed, fmt::format("{} does not listen", script)};
    port_ = static_cast<std::uint16_t>(*port);
}

ScriptServer::~ScriptServer() {
    try {
        process_.signal(SIGKILL);
        wait_for_exit(process_);
    } catch (const Error&) {  // the leak check of the ring names it
    }
}

std::string ScriptServer::host() const {
    return fmt::format("127.0.0.1:{}", port_);
}

}  // namespace stack::test
