#include "runtime/base/signals.hpp"

#include <csignal>

#include <gtest/gtest.h>

using namespace stack;

namespace {

TEST(Signals, ReadsNamesAndNumbersAsImagesWriteThem) {
    EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
    EXPECT_EQ(parse_signal("term"), SIGTERM);
    EXPECT_EQ(parse_signal("15"), SIGTERM);
    EXPECT_EQ(parse_signal("SIGRTMIN+3"), 37);
    EXPECT_EQ(parse_signal("RTMAX-1"), 63);
    EXPECT_EQ(parse_signal("SIGPOLL"), SIGIO);
}

TEST(Signals, RefusesWhatIsNone) {
    for (const char* text :
         {"", "0", "65", "-9", "SIG", "SIGTERMX", "15x", "SIGRTMIN+40", "SIGRTMIN-1", "RTMIN+-1"})
        EXPECT_FALSE(parse_signal(text)) << text;
}

TEST(Signals, NamesEveryNumberSoThatItReadsBack) {
    for (int number = 1; number <= 64; ++number) {
        if (number == 32 || number == 33) continue;  // glibc's own
        EXPECT_EQ(parse_signal(signal_name(number)), number) << signal_name(number);
    }
    EXPECT_EQ(signal_name(33), "signal 33");
}

}  // namespace
