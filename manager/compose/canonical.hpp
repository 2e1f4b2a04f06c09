// The canonical form: every value in the one way that `stack config` prints it and that all later phases read. Short
// forms are written out, ranges expanded, defaults filled in that don't depend on other values, sizes and times brought
// to one spelling. In place, on the merged and checked tree; which value takes which form is the `shape` column of the
// table of keys. What was made out of a text stands at the place of that text.
#pragma once

#include "manager/compose/node_reporter.hpp"
#include "manager/compose/tree.hpp"

#include <string>

namespace stack::compose {

/// Reports what can't be read and marks it as broken.
void make_canonical(Tree& tree, Node& root, Reporter& reporter);

/// Relative host paths of a canonical tree become absolute (canonical_paths.cpp).
void resolve_paths(Tree& tree, Node& root, const std::string& home);

/// The host path that a node's text says: cleaned, below the base directory of the file that it is written in; `~` is
/// `home`.
std::string host_path(const Tree& tree, const Node& path, const std::string& home);

}  // namespace stack::compose
