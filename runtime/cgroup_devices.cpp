// Which devices a container may use, and the lines of the v1 devices controller that say so
// (Documentation/admin-guide/cgroup-v1/devices.rst). Pure.
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"
#include "runtime/cgroup_plan.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace stack {

namespace {

std::string number_or_star(std::int64_t value) {
    return value >= 0 ? fmt::format("{}", value) : std::string{"*"};
}

std::string device_line(const DeviceRule& rule) {
    if (rule.type == 'a') return "a";
    return fmt::format("{} {}:{} {}", rule.type, number_or_star(rule.major.value_or(-1)),
                       number_or_star(rule.minor.value_or(-1)), rule.access);
}

CgroupWrite device_write(const DeviceRule& rule) {
    return {"devices", rule.allow ? "devices.allow" : "devices.deny", device_line(rule), "devices"};
}

/// What is allowed by name, everything else being denied: type, major and minor (-1: any) -> letters of "rwm".
using DeviceKey = std::tuple<char, std::int64_t, std::int64_t>;
using AllowList = std::map<DeviceKey, std::string>;

std::string letters(std::string_view wanted, std::string_view among, bool in) {
    std::string result;
    for (const char letter : among)
        if ((wanted.find(letter) != std::string_view::npos) == in) result += letter;
    return result;
}

bool overlap(const DeviceKey& a, const DeviceKey& b) {
    const auto meet = [](std::int64_t x, std::int64_t y) { return x == y || x < 0 || y < 0; };
    return std::get<0>(a) == std::get<0>(b) && meet(std::get<1>(a), std::get<1>(b)) &&
           meet(std::get<2>(a), std::get<2>(b));
}

/// The kernel takes a denied rule back only from an allowed one with the very same numbers.
void deny_by_name(AllowList& list, const DeviceKey& key, const DeviceRule& rule) {
    for (auto entry = list.begin(); entry != list.end();) {
        if (entry->first == key) {
            entry->second = letters(rule.access, entry->second, false);
            entry = entry->second.empty() ? list.erase(entry) : std::next(entry);
            continue;
        }
        if (overlap(entry->first, key) && !letters(rule.access, entry->second, true).empty())
            throw Error{
                ErrorKind::not_supported,
                fmt::format("limit devices can't be enforced: cgroup v1 can't deny '{}' of what a wider "
                            "rule allows",
                            device_line(rule))};
        ++entry;
    }
}

/// nullopt when everything is allowed but for exceptions.
std::optional<AllowList> allow_list(const std::vector<DeviceRule>& rules) {
    std::optional<AllowList> list = AllowList{};
    for (const DeviceRule& rule : rules) {
        if (rule.type == 'a') {
            list.reset();
            if (!rule.allow) list.emplace();
            continue;
        }
        if (!list) continue;
        const DeviceKey key{rule.type, rule.major.value_or(-1), rule.minor.value_or(-1)};
        if (!rule.allow) {
            deny_by_name(*list, key, rule);
            continue;
        }
        std::string& access = (*list)[key];
        access += letters(access, rule.access, false);
    }
    return list;
}

/// A write for each entry of `from` that `to` does not have, access letter by access letter.
void add_differences(const AllowList& from, const AllowList& to, bool allow,
                     std::vector<CgroupWrite>& writes) {
    for (const auto& [key, access] : from) {
        const auto other = to.find(key);
        const std::string missing = other == to.end() ? access : letters(other->second, access, false);
        const auto [type, major, minor] = key;
        if (!missing.empty()) writes.push_back(device_write({allow, type, major, minor, missing}));
    }
}

/// For the kernel "all devices" is a rule without numbers and letters of its own; one that has them means block and character
/// devices of these numbers.
void add_rule(std::vector<DeviceRule>& rules, const DeviceRule& rule) {
    const bool everything = !rule.major && !rule.minor && letters(rule.access, "rwm", true) == "rwm";
    if (rule.type != 'a' || everything) return rules.push_back(rule);
    for (const char type : {'b', 'c'})
        rules.push_back({rule.allow, type, rule.major, rule.minor, rule.access});
}

}  // namespace

std::vector<DeviceRule> effective_device_rules(const ResourceSpec& resources) {
    std::vector<DeviceRule> rules{{false, 'a', {}, {}, "rwm"}};
    for (const DeviceRule& rule : resources.devices) add_rule(rules, rule);
    const auto allow = [&rules](char type, std::optional<std::int64_t> major,
                                std::optional<std::int64_t> minor, const char* access) {
        rules.push_back({true, type, major, minor, access});
    };
    allow('c', {}, {}, "m");  // making a node is harmless: opening it is not allowed by this
    allow('b', {}, {}, "m");
    allow('c', 1, 3, "rwm");     // null
    allow('c', 1, 5, "rwm");     // zero
    allow('c', 1, 7, "rwm");     // full
    allow('c', 1, 8, "rwm");     // random
    allow('c', 1, 9, "rwm");     // urandom
    allow('c', 5, 0, "rwm");     // tty
    allow('c', 5, 1, "rwm");     // console
    allow('c', 5, 2, "rwm");     // ptmx
    allow('c', 136, {}, "rwm");  // pts/*
    return rules;
}

// The v1 controller is a default plus exceptions: "a" sets the default and clears the exceptions.
std::vector<CgroupWrite> v1_device_writes(const std::vector<DeviceRule>& rules) {
    const auto last_default =
        std::find_if(rules.rbegin(), rules.rend(), [](const DeviceRule& rule) { return rule.type == 'a'; });
    const auto first = last_default == rules.rend() ? rules.begin() : std::prev(last_default.base());
    std::vector<CgroupWrite> writes;
    writes.reserve(rules.size());
    std::transform(first, rules.end(), std::back_inserter(writes), device_write);
    return writes;
}

std::vector<DeviceRule> parse_device_list(std::string_view devices_list) {
    std::vector<DeviceRule> rules{{false, 'a', {}, {}, "rwm"}};
    for (const std::string& line : split(devices_list, '\n')) {  // `c 1:3 rwm`; `a *:* rwm` stands alone
        const std::vector<std::string> words = split(line, ' ');
        if (words.size() != 3 || words[0].size() != 1) continue;
        const std::vector<std::string> numbers = split(words[1], ':');
        if (words[0] == "a") return {{true, 'a', {}, {}, "rwm"}};
        const auto number = [&](std::size_t i) -> std::optional<std::int64_t> {
            return i < numbers.size() ? parse_int(numbers[i]) : std::nullopt;
        };
        rules.push_back({true, words[0][0], number(0), number(1), words[2]});
    }
    return rules;
}

std::vector<CgroupWrite> v1_device_transition(std::string_view devices_list,
                                              const std::vector<DeviceRule>& rules) {
    const std::optional<AllowList> now = allow_list(parse_device_list(devices_list));
    const std::optional<AllowList> wanted = allow_list(rules);
    if (!now || !wanted) return v1_device_writes(rules);  // exceptions to "all" are not in the list
    std::vector<CgroupWrite> writes;
    add_differences(*wanted, *now, true, writes);
    add_differences(*now, *wanted, false, writes);
    return writes;
}

}  // namespace stack
