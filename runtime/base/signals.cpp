#include "runtime/base/signals.hpp"

#include "runtime/base/text.hpp"

#include <signal.h>

#include <array>
#include <cctype>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::array<std::pair<std::string_view, int>, 33> kSignals{{
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},     {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT},   {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},
    {"SYS", SIGSYS},       {"IOT", SIGABRT},  {"POLL", SIGIO},
}};

// Docker and images count real-time signals from the kernel's view through glibc: SIGRTMIN is 34,
// SIGRTMAX 64.
constexpr int kRealTimeFirst = 34, kRealTimeLast = 64;

std::optional<int> real_time(std::string_view name) {
    const bool from_first = name.rfind("RTMIN", 0) == 0;
    if (!from_first && name.rfind("RTMAX", 0) != 0) return std::nullopt;
    name.remove_prefix(5);
    int offset = 0;
    if (!name.empty()) {
        if (name.front() != (from_first ? '+' : '-')) return std::nullopt;
        name.remove_prefix(1);
        const std::optional<long long> count = parse_int(name);
        if (!count || *count < 0 || *count > kRealTimeLast - kRealTimeFirst || name.front() == '-')
            return std::nullopt;
        offset = static_cast<int>(*count);
    }
    return from_first ? kRealTimeFirst + offset : kRealTimeLast - offset;
}

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
    if (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0) {
        const std::optional<long long> number = parse_int(text);
        if (!number || *number < 1 || *number > kRealTimeLast) return std::nullopt;
        return static_cast<int>(*number);
    }
    std::string upper{text};
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::string_view name{upper};
    if (name.rfind("SIG", 0) == 0) name.remove_prefix(3);
    for (const auto& [known, number] : kSignals)
        if (name == known) return number;
    return real_time(name);
}

std::string signal_name(int number) {
    for (const auto& [known, value] : kSignals)
        if (value == number) return fmt::format("SIG{}", known);
    if (number == kRealTimeFirst) return "SIGRTMIN";
    if (number > kRealTimeFirst && number < kRealTimeLast)
        return fmt::format("SIGRTMIN+{}", number - kRealTimeFirst);
    if (number == kRealTimeLast) return "SIGRTMAX";
    return fmt::format("signal {}", number);
}

}  // namespace stack
