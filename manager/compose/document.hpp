// YAML text -> positioned trees. yaml-cpp does the scanning (its event interface; its node interface loses positions
// and keeps duplicate keys); this adds what YAML and Compose want and it lets pass: duplicate keys, keys without a
// colon, unterminated quotes, documents without `---`, aliases that contain themselves or grow beyond all measure,
// keys that are no strings. Merge keys (`<<`) are applied here.
#pragma once

#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack::compose {

struct DocumentLimits {
    std::size_t file_bytes = 16u << 20;     ///< of one file, and of all compose files together
    std::uint64_t nodes = 1'000'000;        ///< keys, values, lists and maps of all compose files
    std::uint64_t alias_nodes = 1'000'000;  ///< nodes that all aliases, merge keys and extends may copy
    std::uint32_t used_files = 1000;        ///< that include and extends may read, each time counted
    int depth = 200;
};

/// What is left of the limits, shared by all files of a load.
struct DocumentBudget {
    DocumentLimits limits;
    std::uint64_t alias_nodes_left = limits.alias_nodes;
    std::uint64_t nodes_left = limits.nodes;
    std::size_t bytes_left = limits.file_bytes;
    std::uint32_t files_left = limits.used_files;
};

/// Roots of the documents in the file, each a mapping or a null node; empty when the reporter got an error.
std::vector<Node*> parse_documents(Tree& tree, std::uint32_t file, DocumentBudget& budget,
                                   Reporter& reporter);

}  // namespace stack::compose
