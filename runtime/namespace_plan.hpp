// Which namespaces a container joins and which it makes, as steps and as flags of its clone. Private to the builders.
#pragma once

#include "runtime/program_builder.hpp"

namespace stack {

/// Throws Error(invalid_input, not_supported) with the name of the namespace.
void plan_namespaces(ProgramBuilder& builder, const ContainerSpec& spec, const HostFacts& facts,
                     const LaunchShape& shape);
/// hostname and domainname. Throws Error(invalid_input).
void plan_names(ProgramBuilder& builder, const ContainerSpec& spec);

}  // namespace stack
