// From a ContainerSpec to a running process, in moves that never block:
//
//   begin_launch   everything is decided and prepared here, then clone3; the child sets the container up by itself
//   (hooks)        with prestart, createRuntime or createContainer hooks: the child waits when everything is mounted and
//                  the root not yet entered; the caller runs the first two kinds (hooks.hpp), then `hooks_done`, upon
//                  which the child runs the third
//   (gate)         the child waits right before exec, until the caller has recorded the pid and stored its descriptors
//   release        startContainer hooks, exec
//
// With a start socket the gate is not the caller's to open: see LaunchOptions::start_socket.
//
// While the child works, `wait_fd` says when there is news and `at_gate` / `started` take it in, so that one
// loop can have many containers under way. If this process dies before `release`, the child sees its channel
// close and exits.
//
// `begin_*` is called from one thread: it changes the process's dumpable flag around clone3.
//
// Not here: cgroups (made before, passed as descriptors), networks (a namespace descriptor), reaping after
// exec.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/host_facts.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack {

/// Descriptors the new process gets or refers to. Borrowed: they must stay open until `begin_*` returns, no
/// longer.
struct LaunchFds {
    int in = -1, out = -1, err = -1;   ///< -1: the container's own /dev/null
    int network_namespace = -1;        ///< joined instead of what the spec says about the network when >= 0
    std::map<std::string, int> named;  ///< what "fd:NAME" in a NamespaceSpec or a MountSpec means
};

/// Where the process lives from its first instruction on.
struct CgroupPlacement {
    int clone_into = -1;  ///< directory descriptor of a cgroup2 group, for CLONE_INTO_CGROUP; -1: none
    std::vector<int> task_files;  ///< open v1 `tasks` files; the child writes "0" to each as its first step
};

struct LaunchOptions {
    bool clone_parent =
        false;  ///< CLONE_PARENT: our own parent (the keeper) becomes the kernel parent, and reaps
    CgroupPlacement cgroup;
    std::string init_path;      ///< stack-init on the host, for `ContainerSpec::init`
    bool record_times = false;  ///< keep a time stamp of each step (`PendingProcess::step_times`)
    /// Descriptors 3 … 2+N of this process stay open in the new one, under their numbers (LISTEN_FDS; the variables are
    /// the caller's to set). All must be open, and should have been so before this process opened anything of its own.
    int preserve_fds = 0;
    bool new_keyring = true;  ///< a new session keyring
    /// false: chroot instead of pivot_root, for hosts that run from their initial RAM disk. The host's mounts stay below.
    bool pivot = true;
    /// A listening SOCK_SEQPACKET Unix socket, borrowed like LaunchFds; -1: none. When given, the command is looked up (and
    /// checked to be executable by the user) before the gate, and the gate is this socket: the child reports, closes
    /// its channel (the caller may `detach` and exit, and the child lives on) and accepts one connection (`start_through`). The
    /// listening socket is closed with that, so a container starts exactly once. A failure behind the gate goes to who has connected.
    int start_socket = -1;
    /// The container's state document (JSON) for a process that this one has as `pid`: what the agent of a seccomp profile
    /// with SCMP_ACT_NOTIFY is told. Called once, after the clone, with such a profile only; empty: made from the spec.
    std::function<std::string(pid_t pid)> container_state{};
};

/// A process between clone and exec. Destroyed before exec (and not detached) it kills the process (and reaps it unless
/// `clone_parent`).
class PendingProcess {
  public:
    PendingProcess(PendingProcess&&) noexcept;
    PendingProcess& operator=(PendingProcess&&) noexcept;
    ~PendingProcess();

    /// As this process sees it. Final from `at_hooks` or `at_gate` on: a container with a user namespace of its own is set up
    /// by two processes.
    [[nodiscard]] pid_t pid() const;
    [[nodiscard]] const ProcessHandle& handle() const;
    /// Readable when the set-up has reached hooks or gate, has failed, or exec has happened. Owned by this object.
    [[nodiscard]] int wait_fd() const;

    /// The following take in what the child has said and never block. They throw as `at_gate` does.
    /// True from when the child waits for hooks until `hooks_done`. Never, unless the spec has hooks to run before the root is
    /// entered. The root with all its mounts is then at its path (`spec.root.path`) in the child's mount namespace.
    bool at_hooks();
    /// The runtime's own hooks have run: createContainer hooks run with `state_json` (≤ 64 KiB), then the child goes on.
    /// Call once, after `at_hooks`. Throws Error(internal) otherwise.
    void hooks_done(std::string_view state_json);
    /// True once the child waits at the gate.
    /// Throws Error with the purpose of the step that failed as context; the process is dead then.
    bool at_gate();
    /// The pty's master side when the process has a terminal: once, after `at_gate`.
    std::optional<UniqueFd> take_terminal();
    /// True when the child waits for its parent at the gate alone: no hooks and no user namespace come before. Who has nothing
    /// to do at the gate may `release` such a child at once, and it will not stop there.
    [[nodiscard]] bool waits_only_at_gate() const;
    /// Opens the gate; call once, after `at_gate` or with `waits_only_at_gate`, and not with a start socket. The state document
    /// is for startContainer hooks. Throws Error(internal) otherwise.
    void release(std::string_view state_json = {});
    /// Lets the child live on without this process: with a start socket, after `at_gate`. Throws Error(internal) otherwise.
    void detach();
    /// True once exec has happened. Never blocks. Throws Error when exec failed: kind not_found for a missing
    /// command, permission for one that may not be executed (shells' 127 and 126; see
    /// `exec_failure_exit_code`).
    bool started();

    /// Blocking forms for tests and simple callers: until the child waits for hooks; until the gate; after `release` until exec;
    /// through the gate until exec. Throw as above.
    void wait_for_hooks();
    void wait_for_gate();
    void wait_for_exec();
    void wait_until_started();

    /// What the spec asks for and this host does not have, as far as the container can do without it: sentences.
    [[nodiscard]] const std::vector<std::string>& warnings() const;

    struct StepTime {
        std::string step;
        std::chrono::nanoseconds took;
    };
    /// With `record_times`: what each step took, in order, up to the last one that ran.
    [[nodiscard]] std::vector<StepTime> step_times() const;

    struct State;
    explicit PendingProcess(std::unique_ptr<State> state);

  private:
    std::unique_ptr<State> state_;
};

/// Starts a container's first process. Throws Error when the spec asks for what can't be, or clone3 fails.
PendingProcess begin_launch(const ContainerSpec& spec, const LaunchFds& fds, const LaunchOptions& options,
                            const HostFacts& facts);

/// A running container, as far as another process that joins it needs to know.
struct ExecTarget {
    const ProcessHandle* init =
        nullptr;  ///< the container's PID 1 (as we see it); borrowed during `begin_exec`
    SeccompSpec seccomp;
    std::optional<std::uint64_t> personality{};  ///< as in ContainerSpec
};

/// Starts one more process in a running container: same namespaces, the spec's capabilities (inheritable
/// stays empty), user, environment, directory and terminal of `process`. Throws Error(conflict) when the
/// container has ended.
PendingProcess begin_exec(const ExecTarget& target, const ProcessSpec& process, const LaunchFds& fds,
                          const LaunchOptions& options, const HostFacts& facts);

/// The other side of LaunchOptions::start_socket, in any process: connects to the socket at `path`, sends the state document
/// (≤ 64 KiB) for startContainer hooks, waits until exec has happened. Throws Error as PendingProcess::started does when
/// that fails, and Error(conflict) when nobody listens any more: the container was started before, or has ended.
void start_through(const std::string& path, std::string_view state_json);

/// 127 when the command does not exist, 126 when it may not be executed, else 125: what `exec` and `run` exit
/// with.
int exec_failure_exit_code(const Error& error);

}  // namespace stack
