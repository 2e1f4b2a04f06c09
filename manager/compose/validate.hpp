// Checks a document against the table of keys: are all keys legal here, is each value of a shape that the key takes, is
// the key one that is refused. What a short form says is canonical.hpp, whether a value makes sense value_checks.hpp,
// what values mean together consistency.hpp.
#pragma once

#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

namespace stack::compose {

enum class ValidateStage {
    single_file,  ///< one file by itself: a null may yet leave an earlier file's value in place
    merged,       ///< all files together: nulls count
};

/// Marks what it complains about as broken.
void validate(const Tree& tree, Node& root, ValidateStage stage, Reporter& reporter);

/// One service of a file whose others don't count (single_file): the base that another file extends.
void validate_service(const Tree& tree, const Node& name, Node& service, Reporter& reporter);

}  // namespace stack::compose
