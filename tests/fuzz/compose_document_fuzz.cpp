// Any bytes as a YAML file: a tree whose places lie inside the file, or an error.
#include "manager/compose/document.hpp"

#include <cstdlib>

namespace {

using namespace stack::compose;

void check(const Tree& tree, const Node& node, std::size_t size) {
    if (node.offset > size) std::abort();
    const Position place = tree.position(node);
    if (place.line < 1 || place.column < 1) std::abort();
    for (const Entry& entry : node.items()) {
        if (entry.key) check(tree, *entry.key, size);
        check(tree, *entry.value, size);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    Tree tree;
    Reporter reporter;
    DocumentBudget budget;
    budget.alias_nodes_left = 10'000;
    const auto text = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
    const std::uint32_t file = tree.add_file("fuzz.yaml", text);
    const std::vector<Node*> roots = parse_documents(tree, file, budget, reporter);
    for (const Node* root : roots) check(tree, *root, size);
    const bool failed = reporter.failed();
    if (failed == reporter.take({}).empty()) std::abort();  // an error is told, and told as one
    return 0;
}
