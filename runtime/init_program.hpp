// The prepared program that a new process carries out between clone and exec, as a plain value.
//
// Everything is decided here, in the parent: `build_init_program` is a pure function of what is asked and what the
// host can do, and returns a flat list of steps with every string, number, filter and argument vector ready. The child
// (init_child.hpp) only carries it out, one or a few raw system calls a step. Tests read the list as text.
//
// Descriptors are named by slots. Input slots hold what the parent opened before the clone; the others are filled
// by steps (`out`). Objects of the host are opened by path as long as the host's tree is the root; from
// `EnterRoot` on nothing but the container's own tree can be reached, and every path is resolved from a descriptor.
#pragma once

#include "runtime/base/error.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/user.hpp"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace stack {

/// Index into the child's table of descriptors; negative: none.
struct Slot {
    int index = -1;
    [[nodiscard]] bool valid() const { return index >= 0; }
    bool operator==(const Slot&) const = default;
};

/// Where child and parent wait for each other. Legal order: id_maps, net_devices, hooks, gate; each at most once. `hooks` and `gate`
/// bring a state document behind the word, which may be empty.
enum class SyncPoint : std::uint32_t {
    id_maps =
        1,  ///< the child waits until the parent has written its user namespace's maps, without which it is nobody,
            ///< or knows of the process that went on in its place
    gate = 2,  ///< the child waits until its pid and descriptors are on record, so that no exec is ever lost
    hooks =
        3,  ///< the child waits until prestart and createRuntime hooks have run on what it has made so far
    net_devices = 4,  ///< the child waits until the parent has moved devices into its network namespace
};

namespace step {

// --- descriptors, namespaces, process --------------------------------------------------------------------------
struct CloseInherited {};  ///< everything but the input slots and the channel
struct AwaitParent {
    SyncPoint point{};
    bool visible = false;  ///< to others of the same user meanwhile: newuidmap(1) looks who owns the process
};
struct BecomeRoot {};  ///< uid and gid 0 of the new user namespace
struct EnterCgroup {
    Slot task_file;
};
struct OpenNamespace {
    std::string path;
    Slot out;
};
struct JoinNamespaces {
    Slot fd;        ///< a namespace file, or a pidfd
    int flags = 0;  ///< CLONE_NEW…
};
struct Unshare {
    int flags = 0;
};
/// Goes on as a new process, in new namespaces and in the pid namespace that was joined; a child of this one's parent, which
/// is told. This one ends.
struct Respawn {
    int flags = 0;
};
struct NewClocks {        ///< a time namespace with these offsets, entered
    std::string offsets;  ///< lines of /proc/PID/timens_offsets
    bool visible =
        false;  ///< the file is this process's only while it may be looked at: nobody else is in its user namespace
};
struct NewSession {};
struct NewKeyring {};
struct SetHostname {
    std::string name;
};
struct SetDomainname {
    std::string name;
};
struct ResetSignals {};  ///< default dispositions
struct SetOomScore {
    Slot proc;
    std::string value;
};
struct SetExecLabel {  ///< what a security module makes of the process at its next exec
    Slot proc;
    std::string file;  ///< below the process's own directory: attr/exec, attr/apparmor/exec
    std::string value;
};
struct WriteSysctl {
    Slot proc;
    std::string path;  ///< below the procfs
    std::string value;
};

// --- mounts ----------------------------------------------------------------------------------------------------
struct OpenHostPath {  ///< O_PATH
    std::string path;
    Slot out;
};
/// open_tree(OPEN_TREE_CLONE) of a host path. If it is missing and may be, the slot stays empty, and steps that would
/// prepare or attach an empty slot do nothing.
struct CloneHostTree {
    std::string path;
    bool recursive = false;
    bool may_be_missing = false;
    Slot out;
};
struct IdMapMount {  ///< ids of the file system as the maps of a user namespace say
    Slot mount;
    Slot user_namespace;
    bool recursive = false;
};
struct CloneOpenFile {  ///< the same of what a descriptor refers to, in this process's own mount namespace
    Slot from;
    Slot out;
};
struct SetMountAttributes {
    Slot mount;  ///< none: the whole tree at /
    std::uint64_t set = 0, clear = 0, propagation = 0;
    bool recursive = false;
};
struct FilesystemOption {
    std::string key;
    std::optional<std::string> value;  ///< nullopt: a flag
    bool operator==(const FilesystemOption&) const = default;
};
struct MakeFilesystem {  ///< fsopen, fsconfig…, fsmount
    std::string type, source;
    std::vector<FilesystemOption> options;
    std::uint64_t attributes = 0;
    Slot out;
};
/// A directory given to overlayfs: by its path, or by the descriptor in `fd` when the path is too long for fsconfig or has
/// characters that overlayfs would take as its own.
struct LayerRef {
    std::string path;
    Slot fd;
};
struct MakeOverlay {  ///< fsopen("overlay") with one "lowerdir+" per layer
    std::vector<LayerRef> lower;
    LayerRef upper, work;
    bool user_xattr = false;
    Slot out;
};
/// mount(2), for kernels before 6.8: all layers in one string, attached at the mount point for as long as it takes to clone it.
struct MakeOverlayByMount {
    std::vector<LayerRef> lower;
    LayerRef upper, work;
    bool user_xattr = false;
    std::string mount_point;
    Slot out;
};
struct OwnFreshDirectory {  ///< a directory of the host that is root's still becomes the container's root's
    std::string path;
    std::uint32_t uid = 0, gid = 0;
};
struct AttachAtHostPath {  ///< where hooks look for the root file system
    Slot mount;
    std::string path;
};
struct
    EnterRoot {  ///< leave a chroot, attach on "/" (unless attached), pivot_root, let go of the host's tree
    Slot root;
    bool attach = true;
    bool pivot =
        true;  ///< else chroot: for hosts that run from their initial RAM disk, which can't be exchanged
};
struct OpenMountPoint {
    enum class Kind : std::uint8_t { directory, file, like_source };
    Slot root;
    std::string path;  ///< resolved with `root` as /; created where missing
    Kind kind = Kind::directory;
    Slot source;            ///< for like_source
    bool no_links = false;  ///< no component may be a symbolic link (/proc, /sys, /dev)
    /// A link of the image must not lead the mount into the procfs, where it would fool whoever writes there.
    bool outside_proc = false;
    Slot out;
};
struct AttachMount {
    Slot mount;
    Slot target;        ///< closed afterwards
    bool keep = false;  ///< the mount's descriptor is used again
};
/// On a directory made for it in a file system of our own making, where nobody else has been.
struct AttachInside {
    Slot mount;
    Slot dir;
    std::string name;
    bool keep = false;  ///< the mount's descriptor is used again
};
struct MakeDevice {
    Slot dir;
    std::string path;  ///< below `dir`, parents created
    mode_t mode = 0;   ///< type and permissions
    std::uint32_t major = 0, minor = 0;
    std::uint32_t uid = 0, gid = 0;
};
struct MakeSymlink {
    Slot dir;
    std::string name, target;
};
struct CheckDevice {  ///< opens `name` in `dir` as O_PATH and checks that it is this device
    Slot dir;
    std::string name;
    std::uint32_t major = 0, minor = 0;
    Slot out;
};
struct CheckNode {  ///< that what was opened is this device of the host
    Slot node;
    mode_t type = 0;  ///< S_IFCHR or S_IFBLK
    std::uint32_t major = 0, minor = 0;
};
struct MaskPath {  ///< hides a file behind the null device, a directory behind an empty one; missing is fine
    Slot root;
    std::string path;
    Slot null_device, empty_directory;
};
struct ProtectPath {  ///< read-only in place, with what is mounted below; missing is fine
    Slot root;
    std::string path;
};
struct CopyUp {  ///< fills an empty mount with what the image has at its mount point
    Slot mount;
    Slot target;
};

// --- terminal, standard streams --------------------------------------------------------------------------------
struct OpenOwnRoot {  ///< "/" of the namespace this process has joined
    Slot out;
};
struct OpenDirectory {  ///< below `root` without links, checked to be on this kind of file system (0: any)
    Slot root;
    std::string path;
    std::uint64_t magic = 0;
    Slot out;
};
struct OpenTerminal {  ///< a new pty of this devpts
    Slot pts;
    std::uint16_t width = 0, height = 0;
    Slot master, peer;
};
struct OpenNull {
    Slot dir;
    Slot out;
};
struct SetStandardStreams {
    Slot in, out, err;
};
struct SetControllingTerminal {};

// --- who it runs as --------------------------------------------------------------------------------------------
struct ResolveUser {
    Slot root;
    UserRequest request;
};
struct OwnTerminal {};  ///< the terminal belongs to the user
/// So do the pipes among the standard streams, for who opens them again as /dev/stdout. Files and sockets stay the caller's.
struct OwnPipes {};
struct SetUmask {
    mode_t mask = 022;
};
struct SetRlimit {
    int resource = 0;
    std::string name;
    std::uint64_t soft = 0, hard = 0;
};
struct SetIoPriority {
    int value = 0;  ///< class and priority as ioprio_set(2) takes them
};
struct SetScheduler {  ///< sched_setattr(2)
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
};
struct SetAffinity {
    std::vector<std::uint64_t> cpus;  ///< by bit
};
struct SetPersonality {
    std::uint64_t value = 0;
};
struct ChangeDirectory {
    Slot root;
    std::string path;
    bool create = false;
};
struct FindCommand {  ///< that it exists and the user may execute it: what `create` is to know already
    std::vector<std::string> candidates;
};
/// Closes all but the standard streams, the channel and what is to be kept; reports; waits: at the channel, or, when there
/// is one, at a listening socket for one connection, which is the channel from then on.
struct Gate {
    Slot terminal;
    Slot start;
    std::vector<Slot> keep;  ///< stack-init and the like: needed afterwards, close-on-exec
    int preserve_fds = 0;    ///< descriptors from 3 on that the program gets
};
struct KeepState {  ///< makes a file of the state document that came last, and one for what hooks have to say
    Slot state, output;
};
struct RunHook {
    HookSpec hook;
    Slot state, output;
};
struct NoNewPrivileges {};
struct InstallSeccomp {  ///< `InitProgram::seccomp`
    Slot agent;          ///< with a listener: the connection by which it is handed over
};
struct SetBounding {
    std::uint64_t keep = 0;
    int last_capability = 40;
};
/// Groups, gid, uid; permitted capabilities are kept. `groups_may_stay`: where setgroups(2) is denied, as in the user
/// namespace of a caller without privileges, whose own groups are all there are.
struct SetIds {
    bool groups_may_stay = false;
};
struct SetCapabilities {
    std::uint64_t effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};
struct Execute {
    std::vector<std::string> candidates;  ///< paths tried in order, as execvp(3) does
    Slot init;  ///< run this program with the first usable candidate as its argument
};

using Action =
    std::variant<CloseInherited, AwaitParent, BecomeRoot, EnterCgroup, OpenNamespace, JoinNamespaces, Unshare,
                 Respawn, NewClocks, NewSession, NewKeyring, SetHostname, SetDomainname, ResetSignals,
                 SetOomScore, SetExecLabel, WriteSysctl, OpenHostPath, CloneHostTree, IdMapMount,
                 CloneOpenFile, SetMountAttributes, MakeFilesystem, MakeOverlay, MakeOverlayByMount,
                 OwnFreshDirectory, AttachAtHostPath, EnterRoot, OpenMountPoint, AttachMount, AttachInside,
                 MakeDevice, MakeSymlink, CheckDevice, CheckNode, MaskPath, ProtectPath, CopyUp, OpenOwnRoot,
                 OpenDirectory, OpenTerminal, OpenNull, SetStandardStreams, SetControllingTerminal,
                 ResolveUser, OwnTerminal, OwnPipes, SetUmask, SetRlimit, SetIoPriority, SetScheduler,
                 SetAffinity, SetPersonality, ChangeDirectory, FindCommand, Gate, KeepState, RunHook,
                 NoNewPrivileges, InstallSeccomp, SetBounding, SetIds, SetCapabilities, Execute>;

}  // namespace step

/// Why a run of steps is done, in the user's words, and who asked for it.
struct Purpose {
    std::string text;  ///< `mounting volume "/srv/data" on /var/lib/data`
    std::optional<SourcePosition> origin;
    std::string hint;
};

struct Step {
    step::Action action;
    std::size_t purpose = 0;  ///< index into InitProgram::purposes
};

/// Classic BPF instruction, as linux/filter.h's sock_filter.
struct BpfInstruction {
    std::uint16_t code = 0;
    std::uint8_t jump_true = 0, jump_false = 0;
    std::uint32_t value = 0;
    bool operator==(const BpfInstruction&) const = default;
};

struct InitProgram {
    std::vector<Step> steps;
    std::vector<Purpose> purposes;
    std::vector<std::string> slots;  ///< names, for people
    std::vector<std::string> argv;
    std::vector<std::string> env;
    bool home_from_passwd = false;  ///< HOME is added from the user's passwd entry
    std::vector<BpfInstruction> seccomp;
    std::uint32_t seccomp_flags = 0;  ///< SECCOMP_FILTER_FLAG_…
    /// By step, from the gate on when somebody else than the parent opens it: what makes its report readable for one who
    /// does not have the program (error_of_words in launch_error.hpp).
    std::vector<std::string> failure_words;
    std::uint64_t clone_flags = 0;  ///< new namespaces
    std::vector<IdMapping> uid_mappings, gid_mappings;
    std::map<std::string, std::string> net_devices;  ///< for the parent to move
    std::vector<std::string> warnings;  ///< what is asked for and left out, for whoever starts it
};

/// What the parent will have opened: these become the input slots, in this order, named as here.
struct LaunchShape {
    bool in = false, out = false, err = false;
    bool network = false;                        ///< a network namespace to join
    bool owns_network = false;                   ///< and it belongs to the user namespace that is joined
    std::vector<NamespaceKind> host_namespaces;  ///< joined, and found to be the parent's own
    std::vector<std::string> named;              ///< LaunchFds::named that the spec refers to
    std::size_t task_files = 0;
    bool init = false;                  ///< stack-init
    std::size_t id_maps = 0;            ///< user namespaces of wanted_id_maps(): slots "idmap0", …
    bool joined_pid_namespace = false;  ///< the parent clones into another pid namespace
    bool start_socket = false;          ///< LaunchOptions::start_socket, slot "start"
    bool seccomp_agent = false;         ///< the profile notifies; slot "agent"
    int preserve_fds = 0;
    bool new_keyring = true;
    bool pivot = true;
    std::optional<std::uint64_t> exec_personality{};  ///< that of the container, for an exec
    bool operator==(const LaunchShape&) const = default;
};
/// Slot names of the inputs of a shape: "stdin", "network", "fd:NAME", "tasks0", "init", …
std::vector<std::string> input_slots(const LaunchShape& shape);

/// For a container's first process. Throws Error(invalid_input, not_supported) when the spec asks for what can't be.
InitProgram build_init_program(const ContainerSpec& spec, const HostFacts& facts, const LaunchShape& shape);

/// For a further process: joins `namespaces` (CLONE_NEW… bits) of the process whose pidfd is input slot "fd:target". With the pid
/// namespace among them it goes on as another one, born there.
InitProgram build_exec_program(const ProcessSpec& process, const SeccompSpec& seccomp, int namespaces,
                               const HostFacts& facts, const LaunchShape& shape);

/// One line per step, stable: what tests compare.
std::string program_text(const InitProgram& program);
/// What a step does, without why: `open tree /srv/data recursively`. The base of failure sentences and step times.
std::string step_text(const InitProgram& program, const Step& step);

}  // namespace stack
