// Kinds of namespaces and the words that config.json has for them.
#pragma once

#include "runtime/container_spec.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace stack::oci {

inline constexpr std::array<std::pair<std::string_view, NamespaceKind>, 8> kNamespaceNames{
    {{"pid", NamespaceKind::pid},
     {"network", NamespaceKind::network},
     {"mount", NamespaceKind::mount},
     {"ipc", NamespaceKind::ipc},
     {"uts", NamespaceKind::uts},
     {"user", NamespaceKind::user},
     {"cgroup", NamespaceKind::cgroup},
     {"time", NamespaceKind::time}}};

}  // namespace stack::oci
