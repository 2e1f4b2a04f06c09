#include "runtime/scheduling_plan.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace stack {

namespace {

struct Word {
    const char* name;
    std::uint32_t number;
};
constexpr Word kIoClasses[] = {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};
constexpr Word kPolicies[] = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},      {"SCHED_BATCH", 3},
                              {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}};
constexpr Word kFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
                           {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
                           {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
                           {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};

std::uint32_t number_of(std::span<const Word> words, const std::string& name, const char* what) {
    std::vector<std::string> known;
    for (const Word& word : words) {
        if (name == word.name) return word.number;
        known.emplace_back(word.name);
    }
    Error error{ErrorKind::invalid_input, fmt::format("there is no {} \"{}\"", what, name)};
    if (const auto near = nearest(name, known)) error.with_hint(fmt::format("did you mean {}?", *near));
    throw error;
}

}  // namespace

void plan_scheduling(ProgramBuilder& builder, const ProcessSpec& process) {
    if (process.io_priority) {
        const IoPrioritySpec& wanted = *process.io_priority;
        if (wanted.priority < 0 || wanted.priority > 7)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("I/O priority {} is not 0 to 7", wanted.priority)};
        builder.purpose(fmt::format("setting the I/O priority to {} {}", wanted.io_class, wanted.priority));
        const std::uint32_t io_class = number_of(kIoClasses, wanted.io_class, "I/O priority class");
        builder.add(step::SetIoPriority{static_cast<int>(io_class) << 13 | wanted.priority});
    }
    if (!process.scheduler) return;
    const SchedulerSpec& wanted = *process.scheduler;
    step::SetScheduler step;
    step.policy = number_of(kPolicies, wanted.policy, "scheduler policy");
    for (const std::string& flag : wanted.flags) step.flags |= number_of(kFlags, flag, "scheduler flag");
    if (wanted.priority < 0)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("scheduler priority {} is below 0", wanted.priority)};
    step.nice = wanted.nice;
    step.priority = static_cast<std::uint32_t>(wanted.priority);
    step.runtime_ns = wanted.runtime_ns;
    step.deadline_ns = wanted.deadline_ns;
    step.period_ns = wanted.period_ns;
    builder.purpose(fmt::format("setting the scheduler to {}", wanted.policy), std::nullopt,
                    "realtime policies and nice values below the current one need CAP_SYS_NICE");
    builder.add(step);
}

std::vector<std::uint64_t> cpu_mask(const std::string& list) {
    constexpr long long kMost = 8192;
    std::vector<std::uint64_t> mask;
    if (list.empty()) return mask;
    for (const std::string& range : split(list, ',')) {
        const std::string_view text = trim(range);
        const std::size_t dash = text.find('-');
        const auto first = parse_int(text.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : parse_int(text.substr(dash + 1));
        if (!first || !last || *first < 0 || *last < *first || *last >= kMost)
            throw Error{ErrorKind::invalid_input,
                        fmt::format("\"{}\" is not a list of CPUs such as 0-3,7", list)};
        mask.resize(std::max(mask.size(), static_cast<std::size_t>(*last) / 64 + 1));
        for (auto cpu = static_cast<std::size_t>(*first); cpu <= static_cast<std::size_t>(*last); ++cpu)
            mask[cpu / 64] |= std::uint64_t{1} << cpu % 64;
    }
    return mask;
}

void plan_affinity(ProgramBuilder& builder, const std::string& cpus) {
    if (cpus.empty()) return;
    builder.purpose(fmt::format("moving to CPUs {}", cpus));
    builder.add(step::SetAffinity{cpu_mask(cpus)});
}

}  // namespace stack
