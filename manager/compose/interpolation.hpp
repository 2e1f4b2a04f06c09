// `${}` in values: $V ${V} ${V:-d} ${V-d} ${V:+r} ${V+r} ${V:?m} ${V?m}, nested, `$$` for a dollar sign. Keys are
// never interpolated, and a result is never read as YAML again. The rules are those of the Compose specification's
// chapter on interpolation as Docker Compose applies them.
#pragma once

#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace stack::compose {

/// Value of a variable; nullopt when it is not set.
using VariableLookup = std::function<std::optional<std::string>(std::string_view name)>;

struct InterpolationFailure {
    std::string code;  ///< "interpolation-format" or "required-variable"
    std::string message;
    std::size_t offset;  ///< of the outermost expression's `$` in the text
};

struct InterpolatedText {
    std::string text;
    std::vector<std::pair<std::string, std::size_t>> unset;  ///< plainly used but not set: name, offset
    std::optional<InterpolationFailure> failure;
};

/// One text. Pure.
InterpolatedText interpolate(std::string_view text, const VariableLookup& lookup);

/// A place where a text asks for a variable.
struct VariableUse {
    std::string name;
    char operation = 0;     ///< 0: as it is; '-' default, '+' replacement, '?' required
    bool or_empty = false;  ///< `:-`, `:+`, `:?`: an empty value counts as none
    std::string operand;    ///< the default, replacement or message as written
    bool operator==(const VariableUse&) const = default;
};

/// Every variable that the text may ask for, those inside of operands too, in the order of the text. What is no
/// legal expression is passed over. Pure.
std::vector<VariableUse> variables_in(std::string_view text);

/// What the documents of one load have in common.
struct InterpolationRun {
    std::set<std::string> warned;  ///< variables that are not set give one warning each
    std::size_t bytes = 0;         ///< of all results, which must not grow without end
};

/// All values of a document, in place; Node::written keeps what stood there.
void interpolate_tree(Tree& tree, Node& root, const VariableLookup& lookup, InterpolationRun& run,
                      Reporter& reporter);

/// Instead: texts with a `$` in them stay as they are, and are marked as open.
void leave_variables(Node& root);

}  // namespace stack::compose
