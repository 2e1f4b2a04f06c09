// --since and --until.
#include "manager/cli/time_argument.hpp"
#include "runtime/base/error.hpp"

#include <stdlib.h>
#include <time.h>

#include <gtest/gtest.h>

namespace stack::cli {
namespace {

using namespace std::chrono_literals;
const std::chrono::system_clock::time_point kNow{
    std::chrono::seconds{1'767'323'045}};  // 2026-01-02T03:04:05Z

std::optional<std::int64_t> read(const std::string& text) {
    return read_time_argument("--since", text, kNow);
}

TEST(TimeArgument, ReadsTimes) {
    EXPECT_EQ(read("2026-01-02T03:04:05Z"), 1'767'323'045'000'000'000);
    EXPECT_EQ(read("2026-01-02T03:04:05.5Z"), 1'767'323'045'500'000'000);
    EXPECT_EQ(read("2026-01-02T04:34:05+01:30"), 1'767'323'045'000'000'000);
    EXPECT_EQ(read("2026-01-02T02:04:05-01:00"), 1'767'323'045'000'000'000);
    EXPECT_EQ(read("1767323045"), 1'767'323'045'000'000'000);
}

TEST(TimeArgument, TimesWithoutZoneAreLocal) {
    ::setenv("TZ", "UTC-2", 1);
    ::tzset();
    EXPECT_EQ(read("2026-01-02T05:04:05"), 1'767'323'045'000'000'000);
    EXPECT_EQ(read("2026-01-02"), 1'767'304'800'000'000'000);
    ::unsetenv("TZ");
    ::tzset();
}

TEST(TimeArgument, ReadsAges) {
    EXPECT_EQ(read("42m"), 1'767'323'045'000'000'000 - 42 * 60 * 1'000'000'000LL);
    EXPECT_EQ(read("1h30m"), 1'767'323'045'000'000'000 - 90 * 60 * 1'000'000'000LL);
}

TEST(TimeArgument, EmptyMeansNoBound) {
    EXPECT_EQ(read(""), std::nullopt);
}

TEST(TimeArgument, RefusesTheRest) {
    for (const char* text :
         {"yesterday", "2026-13-01", "2026-01-02T03:04:05X", "-5m", "2026-01-02T03:04:05.Z"})
        EXPECT_THROW(read(text), Error) << text;
}

}  // namespace
}  // namespace stack::cli
