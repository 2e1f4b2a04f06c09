#include "runtime/launch_error.hpp"

#include "runtime/base/text.hpp"
#include "runtime/hooks.hpp"
#include "runtime/launcher.hpp"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack {

namespace {

std::string_view text_of(const ChildReport& report) {
    return {report.text, std::min<std::size_t>(report.text_size, ChildReport::kTextSize)};
}

std::string elf_interpreter(std::string_view head) {
    if (head.size() < sizeof(Elf64_Ehdr) || !head.starts_with(ELFMAG) || head[EI_CLASS] != ELFCLASS64)
        return {};
    Elf64_Ehdr file;
    ::memcpy(&file, head.data(), sizeof file);
    for (std::size_t i = 0; i < file.e_phnum; ++i) {
        Elf64_Phdr segment;
        const std::uint64_t at = file.e_phoff + i * sizeof segment;
        if (file.e_phoff > head.size() || at + sizeof segment > head.size()) return {};
        ::memcpy(&segment, head.data() + at, sizeof segment);
        if (segment.p_type != PT_INTERP) continue;
        if (segment.p_offset >= head.size()) return {};
        const std::string_view rest = head.substr(segment.p_offset, segment.p_filesz);
        return std::string{rest.substr(0, rest.find('\0'))};
    }
    return {};
}

Error exec_error(const InitProgram& program, const step::Execute& step, const ChildReport& report) {
    const std::string& name = program.argv.front();
    const std::string path = report.extra < step.candidates.size() ? step.candidates[report.extra] : name;
    switch (static_cast<FailureDetail>(report.detail)) {
        case FailureDetail::command_not_found: {
            const bool searched = name.find('/') == std::string::npos;
            Error error{
                ErrorKind::not_found,
                fmt::format("exec: \"{}\": {}", name,
                            searched
                                ? "executable file not found in $PATH: no such file or directory in the image"
                                : "no such file or directory in the image")};
            if (searched && step.candidates.empty()) error.with_hint("PATH has no absolute directory");
            return error;
        }
        case FailureDetail::no_interpreter: {
            const std::string interpreter = interpreter_in_head(text_of(report));
            Error error{ErrorKind::not_found, fmt::format("exec: \"{}\": no such file or directory", name)};
            error.with_hint(interpreter.empty()
                                ? fmt::format("{} exists, but the interpreter that it names does not", path)
                                : fmt::format("{} exists, but its interpreter {} is not in the image", path,
                                              printable_text(interpreter)));
            return error;
        }
        default:
            break;
    }
    if (report.error == EACCES) {
        return Error{ErrorKind::permission, fmt::format("exec: \"{}\": permission denied", name)}.with_hint(
            fmt::format("{} is a directory, is not executable for this user, or lies on a noexec mount",
                        path));
    }
    if (report.error == ENOEXEC) {
        return Error{ErrorKind::permission, fmt::format("exec: \"{}\": exec format error", name)}.with_hint(
            text_of(report).starts_with(ELFMAG)
                ? fmt::format("{} is a program for another processor architecture", path)
                : fmt::format("{} is neither a program nor a script with a #! line", path));
    }
    return Error::from_errno(report.error, fmt::format("exec: \"{}\"", name));
}

Error user_error(const InitProgram&, const step::ResolveUser& step, const ChildReport& report) {
    const UserRequest& request = step.request;
    const auto kind = ErrorKind::not_found;
    switch (static_cast<UserProblem>(report.detail)) {
        case UserProblem::no_such_user:
            return Error{kind, fmt::format("the image's /etc/passwd has no user \"{}\"", request.user->name)};
        case UserProblem::no_such_group:
            return Error{kind,
                         fmt::format("the image's /etc/group has no group \"{}\"", request.group->name)};
        case UserProblem::no_such_extra_group:
            return Error{kind, fmt::format("the image's /etc/group has no group \"{}\"",
                                           request.extra_groups.at(report.extra).name)};
        case UserProblem::too_many_groups:
            return Error{ErrorKind::failed, fmt::format("the user is in more than {} groups", kMaxGroups)};
        case UserProblem::file_too_large:
            return Error{ErrorKind::failed,
                         fmt::format("the image's /etc/passwd or /etc/group is larger than {} MiB",
                                     kMaxAccountFile >> 20)};
        default:
            return Error::from_errno(report.error, fmt::format("read {} of the image", text_of(report)));
    }
}

Error rlimit_error(const step::SetRlimit& step, const ChildReport& report) {
    rlimit now{};
    if (report.error != EPERM || ::getrlimit(static_cast<__rlimit_resource_t>(step.resource), &now) != 0)
        return Error::from_errno(report.error, fmt::format("set {}", step.name));
    const std::string limit = now.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(now.rlim_max);
    return Error{ErrorKind::permission,
                 fmt::format("raising the {} hard limit above {} needs CAP_SYS_RESOURCE", step.name, limit)};
}

Error mount_point_error(const step::OpenMountPoint& step, const ChildReport& report) {
    const std::string path = "/" + step.path;
    if (report.error == ELOOP && step.no_links)
        return Error{ErrorKind::failed, fmt::format("{} is a symbolic link in the image: refused", path)};
    switch (static_cast<FailureDetail>(report.detail)) {
        case FailureDetail::making_directory:
            return Error::from_errno(report.error, fmt::format("create directory {} in the container", path));
        case FailureDetail::making_file:
            return Error::from_errno(report.error, fmt::format("create file {} in the container", path));
        case FailureDetail::wrong_kind:
            return Error{ErrorKind::failed, fmt::format("{} leads into /proc in the image: refused", path)};
        case FailureDetail::wrong_file_type:
            return Error{ErrorKind::invalid_input,
                         fmt::format("{} is {} in the image, the source is not", path,
                                     report.error == EISDIR ? "a directory" : "not a directory")};
        default:
            return Error::from_errno(report.error, fmt::format("open {} in the container", path));
    }
}

// Facts of which the step's own words and the errno would not tell enough.
struct FactOf {
    const InitProgram& program;
    const Step& step_of;
    const ChildReport& report;

    Error operator()(const step::Execute& step) const { return exec_error(program, step, report); }
    Error operator()(const step::FindCommand& step) const {
        return exec_error(program, step::Execute{step.candidates, {}}, report);
    }
    Error operator()(const step::RunHook& step) const {
        switch (static_cast<FailureDetail>(report.detail)) {
            case FailureDetail::hook_status:
                return hook_failure(static_cast<int>(report.extra), text_of(report));
            case FailureDetail::hook_timeout:
                return hook_timeout(step.hook);
            default:
                return plain("run " + step.hook.path);
        }
    }
    Error operator()(const step::ResolveUser& step) const { return user_error(program, step, report); }
    Error operator()(const step::SetRlimit& step) const { return rlimit_error(step, report); }
    Error operator()(const step::OpenMountPoint& step) const { return mount_point_error(step, report); }
    Error operator()(const step::CloneHostTree& step) const { return plain("open " + step.path); }
    Error operator()(const step::IdMapMount& step) const {
        if (report.error == EINVAL)
            return Error{ErrorKind::not_supported, "its file system can't be mounted with mapped ids"};
        return plain(step_text(program, Step{step, 0}));
    }
    Error operator()(const step::NewClocks& step) const {
        if (report.error == ERANGE)
            return Error{ErrorKind::invalid_input,
                         "a clock would be before 0 or too far ahead with its offset"};
        return plain(step_text(program, Step{step, 0}));
    }
    Error operator()(const step::OpenHostPath& step) const { return plain("open " + step.path); }
    Error operator()(const step::JoinNamespaces&) const {
        if (report.error == ESRCH) return Error{ErrorKind::conflict, "the container is not running"};
        return plain(step_text(program, step_of));
    }
    Error operator()(const step::OpenNamespace& step) const { return plain("open " + step.path); }
    Error operator()(const step::MakeOverlay&) const { return with_kernel_words("mount overlay"); }
    Error operator()(const step::MakeOverlayByMount&) const { return plain("mount overlay"); }
    Error operator()(const step::MakeFilesystem& step) const {
        if (static_cast<FailureDetail>(report.detail) == FailureDetail::filesystem_option) {
            const step::FilesystemOption& option = step.options.at(report.extra);
            return with_kernel_words(
                fmt::format("{} option {}={}", step.type, option.key, option.value.value_or("")));
        }
        return with_kernel_words("mount " + step.type);
    }
    Error operator()(const step::CopyUp&) const {
        return plain(fmt::format("copy \"{}\"", printable_text(text_of(report))));
    }
    Error operator()(const step::ChangeDirectory& step) const {
        if (static_cast<FailureDetail>(report.detail) == FailureDetail::unreachable_directory)
            return Error{ErrorKind::failed, fmt::format("{} is outside of the container", step.path)};
        return plain("open " + step.path + " in the container");
    }
    Error operator()(const step::SetExecLabel&) const {
        if (report.error == ENOENT)
            return Error{ErrorKind::not_found, "no such profile is loaded on this host"};
        if (report.error == EINVAL) return Error{ErrorKind::invalid_input, "the host does not know it"};
        return plain(step_text(program, step_of));
    }
    Error operator()(const step::WriteSysctl& step) const {
        if (report.error == ENOENT) return Error{ErrorKind::not_found, "this kernel has no such sysctl"};
        return plain("write /proc/" + step.path);
    }
    Error operator()(const step::MakeDevice& step) const {
        if (static_cast<FailureDetail>(report.detail) == FailureDetail::wrong_kind)
            return Error{ErrorKind::failed,
                         fmt::format("the image has {} already, and it is not that device", step.path)};
        return plain(step_text(program, step_of));
    }
    Error operator()(const step::OpenNull&) const { return device("null"); }
    Error operator()(const step::CheckDevice& step) const { return device(step.name); }
    Error operator()(const step::CheckNode& step) const {
        return Error{ErrorKind::invalid_input,
                     fmt::format("the host has something else there than {} device {}:{}",
                                 S_ISBLK(step.type) ? "block" : "character", step.major, step.minor)};
    }
    Error operator()(const step::OpenDirectory& step) const {
        if (static_cast<FailureDetail>(report.detail) == FailureDetail::wrong_kind)
            return Error{ErrorKind::failed,
                         fmt::format("the container's /{} is not the file system it must be", step.path)};
        return plain(fmt::format("open /{} in the container", step.path));
    }
    Error operator()(const step::EnterCgroup&) const { return plain("write to the cgroup's tasks"); }
    template <class Other>
    Error operator()(const Other&) const {
        return plain(step_text(program, step_of));
    }

  private:
    [[nodiscard]] Error plain(std::string fact) const {
        return Error::from_errno(report.error, std::move(fact));
    }
    [[nodiscard]] Error with_kernel_words(std::string fact) const {
        Error error = plain(std::move(fact));
        if (report.text_size > 0)
            error.with_hint(fmt::format("the kernel says: {}", printable_text(text_of(report))));
        return error;
    }
    [[nodiscard]] Error device(const std::string& name) const {
        if (static_cast<FailureDetail>(report.detail) == FailureDetail::wrong_kind)
            return Error{ErrorKind::failed,
                         fmt::format("the container's /dev/{} is not the {} device: refused", name, name)};
        return plain(fmt::format("open /dev/{} in the container", name));
    }
};

// Their facts say what was being done.
bool names_itself(const Step& step) {
    return std::holds_alternative<step::Execute>(step.action) ||
           std::holds_alternative<step::FindCommand>(step.action);
}

}  // namespace

// Messages go to terminals: what comes from an image's file must not bring control characters.
std::string printable_text(std::string_view text) {
    std::string result;
    for (const char c : text.substr(0, 256))
        result += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
    return result;
}

std::string interpreter_in_head(std::string_view head) {
    if (!head.starts_with("#!")) return elf_interpreter(head);
    std::string_view line =
        trim(head.substr(2, head.find('\n') == std::string_view::npos ? 0 : head.find('\n') - 2));
    return std::string{line.substr(0, line.find_first_of(" \t"))};
}

// `e` and the command with its candidates, `h` and the hook's path with its timeout, or `s` and the step's own words;
// between the first two, the purpose. NUL between all.
std::vector<std::string> failure_words(const InitProgram& program) {
    std::vector<std::string> words;
    bool behind_gate = false;
    for (const Step& step : program.steps) {
        std::vector<std::string> parts;
        const std::string& purpose = program.purposes.at(step.purpose).text;
        if (const auto* execute = std::get_if<step::Execute>(&step.action)) {
            parts = {"e", purpose, program.argv.front()};
            parts.insert(parts.end(), execute->candidates.begin(), execute->candidates.end());
        } else if (const auto* hook = std::get_if<step::RunHook>(&step.action)) {
            parts = {"h", purpose, hook->hook.path, std::to_string(hook->hook.timeout_seconds.value_or(0))};
        } else {
            parts = {"s", purpose, step_text(program, step)};
        }
        words.push_back(behind_gate ? join(parts, std::string_view{"\0", 1}) : "");
        behind_gate |= std::holds_alternative<step::Gate>(step.action);
    }
    return words;
}

Error error_of_words(const ChildReport& report, std::string_view words) {
    const std::vector<std::string> parts = split(words, '\0');
    if (parts.size() < 3) return Error::from_errno(report.error, "start the process");
    InitProgram program;
    program.purposes.push_back({parts[1], std::nullopt, ""});
    program.argv = {parts[2]};
    step::Action action = step::NewSession{};
    if (parts[0] == "e") {
        action = step::Execute{{parts.begin() + 3, parts.end()}, {}};
    } else if (parts[0] == "h") {
        const auto timeout = parse_int(parts.size() > 3 ? parts[3] : "");
        action = step::RunHook{{parts[2], {}, {}, timeout.value_or(0)}, {}, {}};
    } else {
        return Error::from_errno(report.error, parts[2]).add_context(parts[1]);
    }
    program.steps.push_back({std::move(action), 0});
    ChildReport of_this_step = report;
    of_this_step.step = 0;
    return error_of_report(program, of_this_step);
}

Error error_of_report(const InitProgram& program, const ChildReport& report) {
    if (report.step >= program.steps.size())
        return Error::from_errno(report.error, "a step that is not in the program failed");
    const Step& step = program.steps[report.step];
    const Purpose& purpose = program.purposes.at(step.purpose);
    Error error = std::visit(FactOf{program, step, report}, step.action);
    if (!names_itself(step)) error.add_context(purpose.text);
    if (purpose.origin) error.at(*purpose.origin);
    const bool hint_fits =
        report.error == ENOENT || report.error == ELOOP || report.error == EACCES || report.error == EPERM;
    if (error.hint().empty() && !purpose.hint.empty() && hint_fits) error.with_hint(purpose.hint);
    return error;
}

int exec_failure_exit_code(const Error& error) {
    const std::string_view text = error.message();
    if (!text.starts_with("exec: ")) return 125;
    return error.kind() == ErrorKind::not_found ? 127 : error.kind() == ErrorKind::permission ? 126 : 125;
}

}  // namespace stack
