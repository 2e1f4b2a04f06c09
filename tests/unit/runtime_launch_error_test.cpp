// From a child's report to what the user reads.
#include "runtime/container_defaults.hpp"
#include "runtime/launch_error.hpp"
#include "runtime/launcher.hpp"
#include "tests/support/default_mounts.hpp"

#include <elf.h>
#include <errno.h>
#include <sched.h>

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

namespace stack {
namespace {

InitProgram program_with_volume() {
    ContainerSpec spec;
    spec.root.path = "/rootfs";
    spec.namespaces = default_namespaces();
    spec.mounts = default_mounts();
    spec.mounts =
        test::with_default_mounts({{"/var/lib/data", "bind", "/srv/data", {"rbind"}, "compose.yaml:14:9"}});
    spec.process.args = {"foo"};
    spec.process.user = "bob";
    spec.process.rlimits = {{"RLIMIT_CORE", 1, 1}};
    return build_init_program(spec, HostFacts{}, {});
}

template <class Action>
ChildReport report_of(const InitProgram& program, int error, FailureDetail detail = FailureDetail::none,
                      std::string_view text = {}) {
    ChildReport report;
    for (std::size_t i = 0; i < program.steps.size(); ++i)
        if (std::holds_alternative<Action>(program.steps[i].action) && report.step == 0)
            report.step = static_cast<std::uint32_t>(i);
    report.error = error;
    report.detail = static_cast<std::uint32_t>(detail);
    report.text_size = static_cast<std::uint32_t>(text.size());
    std::ranges::copy(text, report.text);
    return report;
}

TEST(LaunchError, NamesVolumeReasonAndPlace) {
    const InitProgram program = program_with_volume();
    const Error error = error_of_report(program, report_of<step::CloneHostTree>(program, ENOENT));
    EXPECT_STREQ(
        error.what(),
        "mounting volume \"/srv/data\" on /var/lib/data: open /srv/data: No such file or directory (ENOENT)");
    ASSERT_TRUE(error.position());
    EXPECT_EQ(error.position()->text(), "compose.yaml:14:9");
    EXPECT_EQ(error.hint(), "create the directory, or use a named volume");
    EXPECT_EQ(exec_failure_exit_code(error), 125);
}

TEST(LaunchError, MissingCommandIs127AndRefusedOne126) {
    const InitProgram program = program_with_volume();
    const Error missing =
        error_of_report(program, report_of<step::Execute>(program, ENOENT, FailureDetail::command_not_found));
    EXPECT_EQ(missing.kind(), ErrorKind::not_found);
    EXPECT_EQ(exec_failure_exit_code(missing), 127);
    EXPECT_NE(std::string{missing.what()}.find("exec: \"foo\": executable file not found in $PATH"),
              std::string::npos);
    const Error refused =
        error_of_report(program, report_of<step::Execute>(program, EACCES, FailureDetail::not_executable));
    EXPECT_EQ(exec_failure_exit_code(refused), 126);
    EXPECT_EQ(refused.message(), "exec: \"foo\": permission denied");
}

TEST(LaunchError, MissingInterpreterIsNamed) {
    const InitProgram program = program_with_volume();
    const Error error =
        error_of_report(program, report_of<step::Execute>(program, ENOENT, FailureDetail::no_interpreter,
                                                          "#! /usr/bin/python3 -u\nimport os"));
    EXPECT_EQ(error.hint(),
              "/usr/local/sbin/foo exists, but its interpreter /usr/bin/python3 is not in the image");
}

TEST(LaunchError, InterpreterOfElfHeadIsReadWithinBounds) {
    std::string head(600, '\0');
    Elf64_Ehdr file{};
    std::memcpy(file.e_ident, ELFMAG, 4);
    file.e_ident[EI_CLASS] = ELFCLASS64;
    file.e_phoff = sizeof file;
    file.e_phnum = 1;
    Elf64_Phdr segment{};
    segment.p_type = PT_INTERP;
    segment.p_offset = 400;
    segment.p_filesz = 20;
    const auto compose = [&] {
        std::memcpy(head.data(), &file, sizeof file);
        std::memcpy(head.data() + sizeof file, &segment, sizeof segment);
        std::memcpy(head.data() + 400, "/lib/ld-musl.so.1", 18);
    };
    compose();
    EXPECT_EQ(interpreter_in_head(head), "/lib/ld-musl.so.1");
    segment.p_offset = ~0ull;
    compose();
    EXPECT_EQ(interpreter_in_head(head), "");
    file.e_phoff = ~0ull - 8;
    compose();
    EXPECT_EQ(interpreter_in_head(head), "");
    EXPECT_EQ(interpreter_in_head("#!"), "");
    EXPECT_EQ(interpreter_in_head("\x7f"
                                  "ELF"),
              "");
}

TEST(LaunchError, UnknownUserIsNamed) {
    const InitProgram program = program_with_volume();
    const Error error = error_of_report(
        program,
        report_of<step::ResolveUser>(program, EINVAL, static_cast<FailureDetail>(UserProblem::no_such_user)));
    EXPECT_STREQ(error.what(), "finding user \"bob\": the image's /etc/passwd has no user \"bob\"");
}

TEST(LaunchError, LimitAboveTheHardLimitSaysWhatItTakes) {
    const InitProgram program = program_with_volume();
    const Error error = error_of_report(program, report_of<step::SetRlimit>(program, EPERM));
    EXPECT_NE(std::string{error.what()}.find("raising the RLIMIT_CORE hard limit above "), std::string::npos);
    EXPECT_NE(std::string{error.what()}.find(" needs CAP_SYS_RESOURCE"), std::string::npos);
}

TEST(LaunchError, LinkInPlaceOfProcIsToldPlainly) {
    const InitProgram program = program_with_volume();
    const Error error = error_of_report(
        program, report_of<step::OpenMountPoint>(program, ELOOP, FailureDetail::opening_path));
    EXPECT_STREQ(error.what(), "mounting /proc: /proc is a symbolic link in the image: refused");
}

TEST(LaunchError, ContainerThatEndsWhileItIsJoinedIsNotRunning) {
    ProcessSpec process;
    process.args = {"foo"};
    LaunchShape shape;
    shape.named = {"target"};
    const InitProgram program = build_exec_program(process, {}, CLONE_NEWNS, HostFacts{}, shape);
    const Error error = error_of_report(program, report_of<step::JoinNamespaces>(program, ESRCH));
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_STREQ(error.what(), "joining the container's namespaces: the container is not running");
}

}  // namespace
}  // namespace stack
