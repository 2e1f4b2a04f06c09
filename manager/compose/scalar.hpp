// What a plain YAML scalar means: the YAML 1.2 core schema plus what go-yaml still reads from 1.1 (old octal, `0b`,
// underscores in numbers), which is what compose files are written against. Pure.
#pragma once

#include "manager/compose/tree.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stack::compose {

enum class ScalarType { string, integer, floating, boolean, null };

/// Of a null or scalar node: quoted text is a string whatever it looks like.
ScalarType scalar_type(const Node& node);
ScalarType plain_scalar_type(std::string_view text);

/// `0x1f`, `0o17`, `017`, `0b1`, `1_000`, decimal; nullopt for anything else or beyond 64 bits.
std::optional<std::int64_t> parse_yaml_int(std::string_view text);
std::optional<double> parse_yaml_float(std::string_view text);
std::optional<bool> parse_yaml_bool(std::string_view text);

/// The scalar once a string is wanted of it: numbers in canonical form (`1.10` is "1.1", `0x10` is "16"), null is "".
std::string scalar_text(const Node& node);

}  // namespace stack::compose
