#include "runtime/hooks.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"
#include "runtime/launch_error.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace stack {

namespace {

// A file and not a pipe: nobody has to feed it, and a hook that leaves a process behind keeps nobody waiting.
UniqueFd memory_file(const char* name, std::string_view content, std::size_t size) {
    UniqueFd file{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!file.valid() || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
        throw_errno("create a file in memory");
    if (!content.empty()) write_all(file.get(), content, "a file in memory");
    if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0)
        throw_errno("seal a file in memory");
    ::lseek(file.get(), 0, SEEK_SET);
    return file;
}

bool ends_in_time(const ProcessHandle& process, std::optional<std::int64_t> timeout_seconds) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::seconds{timeout_seconds.value_or(0)};
    for (;;) {
        int wait = -1;
        if (timeout_seconds) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
            wait = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
        }
        pollfd entry{process.pidfd(), POLLIN, 0};
        const int ready = ::poll(&entry, 1, wait);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) throw_errno("wait for a hook");
        if (ready == 0 && Clock::now() >= end) return false;
    }
}

std::string output_of(const UniqueFd& file) {
    std::string text(static_cast<std::size_t>(std::max<off_t>(::lseek(file.get(), 0, SEEK_CUR), 0)), '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

void run_hook(const HookSpec& hook, std::string_view state_json) {
    const UniqueFd state = memory_file("state", state_json, state_json.size());
    const UniqueFd output = memory_file("hook-output", {}, kHookOutputSize);
    SpawnOptions options;
    options.program = hook.path;
    options.argv = hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
    options.env = hook.env;
    options.fds = {state.get(), output.get(), output.get()};
    const ProcessHandle process = spawn(options);
    if (!ends_in_time(process, hook.timeout_seconds)) {
        process.signal(SIGKILL);
        wait_for_exit(process);
        throw hook_timeout(hook);
    }
    if (const int status = wait_for_exit(process); status != 0) throw hook_failure(status, output_of(output));
}

}  // namespace

void run_hooks(std::string_view kind, const std::vector<HookSpec>& hooks, std::string_view state_json) {
    for (std::size_t i = 0; i < hooks.size(); ++i) {
        check_hook(hooks[i], kind, i);
        try {
            run_hook(hooks[i], state_json);
        } catch (Error& error) {
            error.add_context(hook_purpose(kind, i));
            throw;
        }
    }
}

void check_hook(const HookSpec& hook, std::string_view kind, std::size_t index) {
    const auto refuse = [&](std::string why) {
        throw Error{ErrorKind::invalid_input, fmt::format("{} hook #{}: {}", kind, index, why)};
    };
    if (!hook.path.starts_with('/')) refuse(fmt::format("the path \"{}\" is not absolute", hook.path));
    if (hook.timeout_seconds && *hook.timeout_seconds <= 0) refuse("the timeout must be above 0 seconds");
}

std::string hook_purpose(std::string_view kind, std::size_t index) {
    return fmt::format("error running {} hook #{}", kind, index);
}

Error hook_failure(int wait_status, std::string_view output) {
    std::string fact = WIFSIGNALED(wait_status) ? fmt::format("killed by signal {}", WTERMSIG(wait_status))
                                                : fmt::format("exit status {}", WEXITSTATUS(wait_status));
    const std::string said = printable_text(trim(output));
    if (!said.empty()) fact += ": " + said;
    return Error{ErrorKind::failed, std::move(fact)};
}

Error hook_timeout(const HookSpec& hook) {
    return Error{ErrorKind::timeout, fmt::format("{} ran longer than {} s and was killed", hook.path,
                                                 hook.timeout_seconds.value_or(0))};
}

}  // namespace stack
