// Inside of the child's interpreter (init_child.cpp): one overload per step. Private to init_child*.cpp.
// Each overload returns 0 or an errno value, and may say more through `fail`.
#pragma once

#include "runtime/init_child.hpp"

#include <string_view>

namespace stack {

class ChildRunner {
  public:
    explicit ChildRunner(const ChildInput& input) noexcept : in_{input}, channel_{input.channel} {}
    [[noreturn]] void run_all() noexcept;

    // init_child.cpp
    int run(const step::CloseInherited&) noexcept;
    int run(const step::BecomeRoot&) noexcept;
    int run(const step::EnterCgroup&) noexcept;
    int run(const step::OpenNamespace&) noexcept;
    int run(const step::JoinNamespaces&) noexcept;
    int run(const step::Unshare&) noexcept;
    int run(const step::NewSession&) noexcept;
    int run(const step::Respawn&) noexcept;
    int run(const step::NewClocks&) noexcept;
    int run(const step::NewKeyring&) noexcept;
    int run(const step::SetHostname&) noexcept;
    int run(const step::SetDomainname&) noexcept;
    int run(const step::ResetSignals&) noexcept;
    int run(const step::SetOomScore&) noexcept;
    int run(const step::SetExecLabel&) noexcept;
    int run(const step::WriteSysctl&) noexcept;
    int run(const step::OpenTerminal&) noexcept;
    int run(const step::OpenNull&) noexcept;
    int run(const step::SetStandardStreams&) noexcept;
    int run(const step::SetControllingTerminal&) noexcept;
    int run(const step::SetUmask&) noexcept;
    int run(const step::SetRlimit&) noexcept;
    int run(const step::SetIoPriority&) noexcept;
    int run(const step::SetScheduler&) noexcept;
    int run(const step::SetAffinity&) noexcept;
    int run(const step::SetPersonality&) noexcept;
    int run(const step::ChangeDirectory&) noexcept;

    // child_gate.cpp
    int run(const step::AwaitParent&) noexcept;
    int run(const step::Gate&) noexcept;

    // child_hooks.cpp
    int run(const step::KeepState&) noexcept;
    int run(const step::RunHook&) noexcept;

    // init_child_mounts.cpp
    int run(const step::OpenHostPath&) noexcept;
    int run(const step::CloneHostTree&) noexcept;
    int run(const step::IdMapMount&) noexcept;
    int run(const step::CloneOpenFile&) noexcept;
    int run(const step::SetMountAttributes&) noexcept;
    int run(const step::MakeFilesystem&) noexcept;
    int run(const step::MakeOverlay&) noexcept;
    int run(const step::MakeOverlayByMount&) noexcept;
    int run(const step::OwnFreshDirectory&) noexcept;
    int run(const step::AttachAtHostPath&) noexcept;
    int run(const step::EnterRoot&) noexcept;
    int run(const step::OpenMountPoint&) noexcept;
    int run(const step::AttachMount&) noexcept;
    int run(const step::AttachInside&) noexcept;
    int run(const step::MakeDevice&) noexcept;
    int run(const step::MakeSymlink&) noexcept;
    int run(const step::CheckDevice&) noexcept;
    int run(const step::CheckNode&) noexcept;
    int run(const step::MaskPath&) noexcept;
    int run(const step::ProtectPath&) noexcept;
    int run(const step::CopyUp&) noexcept;
    int run(const step::OpenOwnRoot&) noexcept;
    int run(const step::OpenDirectory&) noexcept;

    // init_child_identity.cpp
    int run(const step::ResolveUser&) noexcept;
    int run(const step::OwnTerminal&) noexcept;
    int run(const step::OwnPipes&) noexcept;
    int run(const step::NoNewPrivileges&) noexcept;
    int run(const step::InstallSeccomp&) noexcept;
    int run(const step::SetBounding&) noexcept;
    int run(const step::SetIds& step) noexcept;
    int run(const step::SetCapabilities&) noexcept;
    int run(const step::FindCommand&) noexcept;
    int run(const step::Execute&) noexcept;

  private:
    [[nodiscard]] int fd(Slot slot) const noexcept { return slot.valid() ? in_.fds[slot.index] : -1; }
    /// Keeps a descriptor that a call returned; its errno when the call failed.
    int keep(Slot slot, int descriptor) noexcept;
    void close(Slot slot) noexcept;
    /// Notes what exactly went wrong and passes `error` on.
    int fail(int error, FailureDetail detail, std::string_view text = {}, std::size_t extra = 0) noexcept;
    /// The same with what the kernel has to say about a file system that it did not make.
    int fail_filesystem(int error, int fs, FailureDetail detail, std::size_t extra = 0) noexcept;
    void send(ChildReport::Kind kind, std::size_t step, int error, int descriptor) noexcept;
    void mark_time(std::size_t index) noexcept;
    int wait_for_parent(SyncPoint point) noexcept;
    /// `name` is short: below the process's own directory of this procfs.
    int write_own_proc_file(Slot proc, const char* name, const std::string& value) noexcept;
    int accept_start(Slot socket) noexcept;
    static int close_all_but(int first, const int* kept, std::size_t count) noexcept;
    [[noreturn]] void become_hook(const step::RunHook& step, int report) noexcept;
    int check_candidate(const char* path) noexcept;
    /// seccomp(2) with the program's filter; a descriptor, 0 or -1 and errno.
    long set_filter(unsigned long flags) noexcept;
    int install_with_listener(Slot agent) noexcept;  // child_listener.cpp
    int execute_candidate(const step::Execute& step, const char* path) noexcept;

    const ChildInput& in_;
    int channel_;  ///< the parent's, or, behind a gate of its own, that of whoever has opened it
    bool started_by_stranger_ = false;
    std::string_view state_;  ///< the document that came last; in the scratch buffer
    std::size_t step_ = 0;
    bool empty_directory_attached_ = false;
    ChildReport report_;
    ResolvedUser user_;
};

/// Opens `path` below `root` as a mount point, following links inside the root only and creating what is missing:
/// directories, and a file last if `file`. Returns a descriptor (O_PATH) or -1 and errno; `failed` names the part.
int open_or_create(int root, const char* path, bool file, bool no_links, ChildReport& failed) noexcept;

/// Copies owner, mode, times and content of the directory `from` into the empty directory `to`: what a fresh volume
/// takes over from the image. Does nothing when `to` holds anything. Stays on `from`'s file system.
int copy_up_directory(int from, int to, ChildReport& failed) noexcept;

}  // namespace stack
