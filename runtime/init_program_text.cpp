// Programs and steps as text: for tests, for step times, and as the base of failure sentences. One overload a step, so
// that a step without words does not compile.
#include "runtime/base/text.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/init_program.hpp"

#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>

#include <fmt/format.h>

namespace stack {

namespace {

std::string flag_words(std::uint64_t value, const std::vector<std::pair<std::uint64_t, const char*>>& names) {
    std::vector<std::string> words;
    for (const auto& [bit, name] : names)
        if ((value & bit) != 0) words.emplace_back(name);
    return join(words, ",");
}

std::string namespace_words(int flags) {
    return flag_words(static_cast<std::uint64_t>(flags), {{CLONE_NEWUSER, "user"},
                                                          {CLONE_NEWNS, "mount"},
                                                          {CLONE_NEWPID, "pid"},
                                                          {CLONE_NEWNET, "network"},
                                                          {CLONE_NEWIPC, "ipc"},
                                                          {CLONE_NEWUTS, "uts"},
                                                          {CLONE_NEWCGROUP, "cgroup"},
                                                          {0x80, "time"}});
}

std::string attribute_words(std::uint64_t attributes) {
    return flag_words(attributes, {{MOUNT_ATTR_RDONLY, "ro"},
                                   {MOUNT_ATTR_NOSUID, "nosuid"},
                                   {MOUNT_ATTR_NODEV, "nodev"},
                                   {MOUNT_ATTR_NOEXEC, "noexec"},
                                   {MOUNT_ATTR_NOATIME, "noatime"},
                                   {MOUNT_ATTR_STRICTATIME, "strictatime"},
                                   {MOUNT_ATTR_NODIRATIME, "nodiratime"},
                                   {MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"}});
}

std::string propagation_word(std::uint64_t flag) {
    return flag_words(
        flag,
        {{MS_PRIVATE, "private"}, {MS_SLAVE, "slave"}, {MS_SHARED, "shared"}, {MS_UNBINDABLE, "unbindable"}});
}

std::string capability_words(std::uint64_t mask) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < capability_names().size(); ++i)
        if (mask >> i & 1) words.push_back(to_lower(capability_names()[i].substr(4)));
    return words.empty() ? "none" : join(words, ",");
}

class StepWords {
  public:
    explicit StepWords(const InitProgram& program) : program_{program} {}

    std::string operator()(const step::CloseInherited&) const { return "close inherited descriptors"; }
    std::string operator()(const step::AwaitParent& s) const {
        if (s.point == SyncPoint::net_devices) return "wait for network devices";
        return s.point == SyncPoint::id_maps ? "wait for the id maps" : "report, wait for the hooks";
    }
    std::string operator()(const step::BecomeRoot&) const { return "become root"; }
    std::string operator()(const step::EnterCgroup& s) const { return "write 0 to " + slot(s.task_file); }
    std::string operator()(const step::OpenNamespace& s) const { return "open " + s.path + into(s.out); }
    std::string operator()(const step::JoinNamespaces& s) const {
        return fmt::format("join {} of {}", namespace_words(s.flags), slot(s.fd));
    }
    std::string operator()(const step::Unshare& s) const { return "unshare " + namespace_words(s.flags); }
    std::string operator()(const step::Respawn& s) const {
        return s.flags == 0 ? "go on as a new process" : "go on in new " + namespace_words(s.flags);
    }
    std::string operator()(const step::NewClocks& s) const {
        return "make time" + (s.offsets.empty() ? "" : " with " + join(split(trim(s.offsets), '\n'), ", "));
    }
    std::string operator()(const step::NewSession&) const { return "new session"; }
    std::string operator()(const step::NewKeyring&) const { return "new session keyring"; }
    std::string operator()(const step::SetHostname& s) const { return "set hostname " + s.name; }
    std::string operator()(const step::SetDomainname& s) const { return "set domainname " + s.name; }
    std::string operator()(const step::ResetSignals&) const { return "reset signals"; }
    std::string operator()(const step::SetOomScore& s) const { return "set oom_score_adj " + s.value; }
    std::string operator()(const step::SetExecLabel& s) const {
        return fmt::format("at exec {} \"{}\"", s.file, s.value);
    }
    std::string operator()(const step::WriteSysctl& s) const { return fmt::format("write /proc/{}", s.path); }
    std::string operator()(const step::OpenHostPath& s) const { return "open " + s.path + into(s.out); }
    std::string operator()(const step::CloneHostTree& s) const {
        return fmt::format("open {}{}{}{}", s.path, s.recursive ? " with all below" : "",
                           s.may_be_missing ? " if it exists" : "", into(s.out));
    }
    std::string operator()(const step::IdMapMount& s) const {
        return fmt::format("map ids of {}{} by {}", slot(s.mount), s.recursive ? " and all below" : "",
                           slot(s.user_namespace));
    }
    std::string operator()(const step::CloneOpenFile& s) const {
        return "clone " + slot(s.from) + into(s.out);
    }
    std::string operator()(const step::SetMountAttributes& s) const {
        std::string text =
            "set " + (s.mount.valid() ? slot(s.mount) : "/") + (s.recursive ? " and all below" : "");
        if (s.set != 0) text += " " + attribute_words(s.set);
        if (s.clear != 0) text += " not " + attribute_words(s.clear);
        if (s.propagation != 0) text += " " + propagation_word(s.propagation);
        return text;
    }
    std::string operator()(const step::MakeFilesystem& s) const {
        std::vector<std::string> options;
        for (const step::FilesystemOption& option : s.options)
            options.push_back(option.value ? option.key + "=" + *option.value : option.key);
        std::string text = "make " + s.type;
        if (!options.empty()) text += " (" + join(options, ",") + ")";
        if (const std::string words = attribute_words(s.attributes); !words.empty()) text += " " + words;
        return text + into(s.out);
    }
    std::string operator()(const step::MakeOverlay& s) const {
        return overlay(s, "make overlay", "") + into(s.out);
    }
    std::string operator()(const step::MakeOverlayByMount& s) const {
        return overlay(s, "mount overlay", " at " + s.mount_point) + into(s.out);
    }
    std::string operator()(const step::EnterRoot& s) const {
        return fmt::format("{}{} to {}", s.attach ? "attach and " : "", s.pivot ? "pivot" : "chroot",
                           slot(s.root));
    }
    std::string operator()(const step::OpenMountPoint& s) const {
        const char* kind = s.kind == step::OpenMountPoint::Kind::directory ? "directory"
                           : s.kind == step::OpenMountPoint::Kind::file    ? "file"
                                                                           : "";
        return fmt::format("mount point {}/{} {}{}{}", slot(s.root), s.path,
                           *kind ? kind : "like " + slot(s.source),
                           s.no_links       ? ", no links"
                           : s.outside_proc ? ", outside of /proc"
                                            : "",
                           into(s.out));
    }
    std::string operator()(const step::OwnFreshDirectory& s) const {
        return fmt::format("give {} to {}:{} unless it is taken", s.path, s.uid, s.gid);
    }
    std::string operator()(const step::AttachAtHostPath& s) const {
        return fmt::format("attach {} to {} of the host", slot(s.mount), s.path);
    }
    std::string operator()(const step::AttachMount& s) const {
        return fmt::format("attach {} to {}", slot(s.mount), slot(s.target));
    }
    std::string operator()(const step::AttachInside& s) const {
        return fmt::format("attach {} in {} as {}", slot(s.mount), slot(s.dir), s.name);
    }
    std::string operator()(const step::MakeDevice& s) const {
        return fmt::format("make device {}/{} {} {}:{} {:o}", slot(s.dir), s.path,
                           S_ISBLK(s.mode)    ? 'b'
                           : S_ISFIFO(s.mode) ? 'p'
                                              : 'c',
                           s.major, s.minor, s.mode & 07777);
    }
    std::string operator()(const step::MakeSymlink& s) const {
        return fmt::format("link {}/{} -> {}", slot(s.dir), s.name, s.target);
    }
    std::string operator()(const step::CheckDevice& s) const {
        return fmt::format("check device {}/{} {}:{}{}", slot(s.dir), s.name, s.major, s.minor, into(s.out));
    }
    std::string operator()(const step::CheckNode& s) const {
        return fmt::format("check that {} is {} device {}:{}", slot(s.node),
                           S_ISBLK(s.type) ? "block" : "character", s.major, s.minor);
    }
    std::string operator()(const step::MaskPath& s) const {
        return fmt::format("mask {}/{}", slot(s.root), s.path);
    }
    std::string operator()(const step::ProtectPath& s) const {
        return fmt::format("protect {}/{}", slot(s.root), s.path);
    }
    std::string operator()(const step::CopyUp& s) const {
        return fmt::format("fill {} from {}", slot(s.mount), slot(s.target));
    }
    std::string operator()(const step::OpenOwnRoot& s) const { return "open /" + into(s.out); }
    std::string operator()(const step::OpenDirectory& s) const {
        return fmt::format("open {}/{} without links{}", slot(s.root), s.path, into(s.out));
    }
    std::string operator()(const step::OpenTerminal& s) const {
        return fmt::format("open terminal of {}{}{} and {}", slot(s.pts),
                           s.width || s.height ? fmt::format(" {}x{}", s.width, s.height) : "",
                           into(s.master), slot(s.peer));
    }
    std::string operator()(const step::OpenNull& s) const {
        return fmt::format("open {}/null{}", slot(s.dir), into(s.out));
    }
    std::string operator()(const step::SetStandardStreams& s) const {
        return fmt::format("standard streams {} {} {}", slot(s.in), slot(s.out), slot(s.err));
    }
    std::string operator()(const step::SetControllingTerminal&) const { return "set controlling terminal"; }
    std::string operator()(const step::ResolveUser& s) const {
        const UserRequest& r = s.request;
        std::string text = r.user ? "resolve user " + r.user->name : fmt::format("user {}:{}", r.uid, r.gid);
        if (r.group) text += ":" + r.group->name;
        for (const NameOrId& group : r.extra_groups) text += " +" + group.name;
        for (const std::uint32_t group : r.groups) text += fmt::format(" +{}", group);
        return text;
    }
    std::string operator()(const step::OwnTerminal&) const { return "give the terminal to the user"; }
    std::string operator()(const step::OwnPipes&) const { return "give pipes to the user"; }
    std::string operator()(const step::SetUmask& s) const { return fmt::format("umask {:03o}", s.mask); }
    std::string operator()(const step::SetRlimit& s) const {
        return fmt::format("set {} {}:{}", s.name, s.soft, s.hard);
    }
    std::string operator()(const step::SetIoPriority& s) const {
        return fmt::format("set I/O class {} priority {}", s.value >> 13, s.value & 0x1fff);
    }
    std::string operator()(const step::SetScheduler& s) const {
        return fmt::format("set scheduler policy {} priority {} nice {} flags {:#x} times {}/{}/{}", s.policy,
                           s.priority, s.nice, s.flags, s.runtime_ns, s.deadline_ns, s.period_ns);
    }
    std::string operator()(const step::SetAffinity& s) const {
        std::string text = "set cpus";
        for (const std::uint64_t word : s.cpus) text += fmt::format(" {:x}", word);
        return text;
    }
    std::string operator()(const step::SetPersonality& s) const {
        return fmt::format("set personality {:#x}", s.value);
    }
    std::string operator()(const step::ChangeDirectory& s) const {
        return fmt::format("change to {}{}", s.path, s.create ? ", making it" : "");
    }
    std::string operator()(const step::FindCommand& s) const { return "find " + join(s.candidates, " or "); }
    std::string operator()(const step::Gate& s) const {
        std::string text = "close the rest, gate";
        if (s.preserve_fds > 0) text = fmt::format("close all but 3 to {}, gate", 2 + s.preserve_fds);
        if (s.start.valid()) text += " at " + slot(s.start);
        if (s.terminal.valid()) text += ", hand over " + slot(s.terminal);
        return text;
    }
    std::string operator()(const step::KeepState& s) const {
        return fmt::format("keep the state{}, outputs{}", into(s.state), into(s.output));
    }
    std::string operator()(const step::RunHook& s) const { return "run " + s.hook.path; }
    std::string operator()(const step::NoNewPrivileges&) const { return "no new privileges"; }
    std::string operator()(const step::InstallSeccomp& step) const {
        return step.agent.valid() ? "install filter and hand its listener over" : "install filter";
    }
    std::string operator()(const step::SetBounding& s) const {
        return "bounding " + capability_words(s.keep);
    }
    std::string operator()(const step::SetIds&) const { return "set groups, gid, uid"; }
    std::string operator()(const step::SetCapabilities& s) const {
        return fmt::format("capabilities effective {} permitted {} inheritable {} ambient {}",
                           capability_words(s.effective),
                           s.permitted == s.effective ? "alike" : capability_words(s.permitted),
                           capability_words(s.inheritable), capability_words(s.ambient));
    }
    std::string operator()(const step::Execute& s) const {
        return fmt::format("exec {}{}", s.init.valid() ? slot(s.init) + " with " : "",
                           join(s.candidates, " or "));
    }

  private:
    [[nodiscard]] std::string slot(Slot s) const {
        return s.valid() ? "%" + program_.slots.at(static_cast<std::size_t>(s.index)) : "%none";
    }
    [[nodiscard]] std::string into(Slot s) const { return " as " + slot(s); }
    [[nodiscard]] std::string layer(const step::LayerRef& ref) const {
        return ref.fd.valid() ? slot(ref.fd) : ref.path;
    }
    template <class Overlay>
    std::string overlay(const Overlay& s, const char* verb, const std::string& where) const {
        std::vector<std::string> lower;
        for (const step::LayerRef& ref : s.lower) lower.push_back(layer(ref));
        return fmt::format("{}{} (lower {}; upper {}; work {}{})", verb, where, join(lower, ":"),
                           layer(s.upper), layer(s.work), s.user_xattr ? "; userxattr" : "");
    }

    const InitProgram& program_;
};

}  // namespace

std::string step_text(const InitProgram& program, const Step& step) {
    return std::visit(StepWords{program}, step.action);
}

std::string program_text(const InitProgram& program) {
    std::string text = fmt::format("clone {}\n", namespace_words(static_cast<int>(program.clone_flags)));
    std::size_t purpose = program.purposes.size();
    for (const Step& step : program.steps) {
        if (step.purpose != purpose) {
            purpose = step.purpose;
            const Purpose& why = program.purposes.at(purpose);
            text += why.text + (why.origin ? " [" + why.origin->text() + "]" : "") + ":\n";
        }
        text += "  " + step_text(program, step) + "\n";
    }
    return text;
}

}  // namespace stack
