// Layers that an attacker would send, by name.
#pragma once

#include "runtime/image/layer_unpacker.hpp"

#include <functional>
#include <string>
#include <vector>

namespace stack::test {

struct HostileCase {
    std::string name;
    std::function<std::string()> archive;  ///< compressed or not
    image::UnpackLimits limits{};
};

std::vector<HostileCase> hostile_cases();

}  // namespace stack::test
