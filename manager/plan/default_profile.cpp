#include "manager/plan/default_profile.hpp"

namespace stack::plan {

std::vector<DeviceRule> default_device_rules() {
    const auto use = [](std::int64_t major, std::optional<std::int64_t> minor) {
        return DeviceRule{.allow = true, .type = 'c', .major = major, .minor = minor, .access = "rwm"};
    };
    return {
        DeviceRule{.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"},
        // Making a node is harmless while using it is not allowed; package managers in images do it.
        DeviceRule{.allow = true, .type = 'c', .major = {}, .minor = {}, .access = "m"},
        DeviceRule{.allow = true, .type = 'b', .major = {}, .minor = {}, .access = "m"}, use(1, 3),  // null
        use(1, 5),                                                                                   // zero
        use(1, 7),                                                                                   // full
        use(1, 8),                                                                                   // random
        use(1, 9),     // urandom
        use(5, 0),     // tty
        use(5, 1),     // console
        use(5, 2),     // ptmx
        use(136, {}),  // pts/N
    };
}

}  // namespace stack::plan
