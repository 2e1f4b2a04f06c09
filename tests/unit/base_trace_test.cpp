// Trace spans: silent without STACK_TRACE, one whole line each with it.
#include "runtime/base/child_process.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/trace.hpp"
#include "tests/support/temp_root.hpp"

#include <stdlib.h>

#include <string>

#include <gmock/gmock.h>

namespace {

using stack::test::TempDir;

// The switch is read before main, so a traced run is a process of its own: this test again, with the variable
// set.
std::string trace_of_child(const std::string& file) {
    stack::SpawnOptions self;
    self.argv = {"/proc/self/exe", "--gtest_filter=TraceChild.MakesSpans", "--gtest_also_run_disabled_tests"};
    self.env = {"STACK_TRACE=" + file, "STACK_TRACE_CHILD=1"};
    self.fds = {-1, -1, -1};
    EXPECT_EQ(stack::run_command(self).exit_code, 0);
    return stack::read_file_if_exists(file).value_or("");
}

TEST(TraceChild, MakesSpans) {
    if (::getenv("STACK_TRACE_CHILD") == nullptr) GTEST_SKIP() << "part of the next test";
    const stack::TraceSpan outer{"outer.step"};
    stack::TraceSpan inner{"inner.step", "shop-\"web\n-1"};
    inner.end();
    inner.end();
}

TEST(Trace, IsOffWithoutTheVariable) {
    EXPECT_EQ(stack::trace_enabled(), ::getenv("STACK_TRACE") != nullptr);
}

TEST(Trace, WritesOneLineASpanAndMakesForeignTextHarmless) {
    const TempDir dir;
    const std::string text = trace_of_child(dir.file("trace"));
    EXPECT_THAT(text, ::testing::MatchesRegex(
                          "\\{\"name\":\"inner.step\",\"subject\":\"shop-\\?web\\?-1\",\"pid\":[0-9]+,"
                          "\"tid\":[0-9]+,\"start_ns\":[0-9]+,\"duration_ns\":[0-9]+\\}\n"
                          "\\{\"name\":\"outer.step\",\"subject\":\"\",[^\n]*\\}\n"));
}

}  // namespace
