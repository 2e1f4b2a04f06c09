// Checks each value of a canonical tree by itself: words that a key takes, bounds of numbers, the look of names and
// addresses, members that a map can't do without. How values of several keys fit together is consistency.hpp.
#pragma once

#include "manager/compose/keys.hpp"
#include "manager/compose/node_reporter.hpp"
#include "manager/compose/tree.hpp"

#include <string_view>
#include <unordered_map>

namespace stack::compose {

/// Marks what it complains about as broken.
void check_values(const Tree& tree, Node& root, Reporter& reporter);

/// A check of one key's value that is more than a word, a number or the look of a text.
using ValueCheck = void (*)(NodeReporter& reporter, Node& value);
/// By path in the table of keys (value_checks_service.cpp, value_checks_files.cpp, value_checks_network.cpp).
void add_service_checks(std::unordered_map<std::string_view, ValueCheck>& checks);
void add_file_checks(std::unordered_map<std::string_view, ValueCheck>& checks);
void add_network_checks(std::unordered_map<std::string_view, ValueCheck>& checks);

}  // namespace stack::compose
