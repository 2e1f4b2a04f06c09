#include "runtime/container_spec.hpp"

#include <algorithm>

namespace stack {

const NamespaceSpec* find_namespace(const ContainerSpec& spec, NamespaceKind kind) {
    const auto found = std::find_if(spec.namespaces.begin(), spec.namespaces.end(),
                                    [&](const NamespaceSpec& entry) { return entry.kind == kind; });
    return found == spec.namespaces.end() ? nullptr : &*found;
}

bool makes_namespace(const ContainerSpec& spec, NamespaceKind kind) {
    const NamespaceSpec* entry = find_namespace(spec, kind);
    return entry != nullptr && entry->path.empty();
}

}  // namespace stack
