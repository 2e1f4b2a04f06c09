// Files of /proc and /sys, whose owners come and go while they are read.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace stack::test {

/// Empty for what ends while it is looked at: then the kernel answers ESRCH or ENODEV, which the stream throws.
inline std::string slurp(const std::string& path) {
    try {
        std::ifstream in{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    } catch (const std::ios_base::failure&) {
        return {};
    }
}

}  // namespace stack::test
