// Two documents, parted by a line "%%%": the second laid over the first; and each service of the second worked out that
// extends one of its own or of the first. Whatever they say, what comes out is a tree without tags and without two
// members of one name, and no `extends` is left behind in silence.
#include "manager/compose/extends.hpp"
#include "manager/compose/merge.hpp"

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace {

using namespace stack::compose;

constexpr std::string_view kParting = "\n%%%\n";

void check(const Node& node) {
    if (node.tag == NodeTag::reset || node.tag == NodeTag::override_) std::abort();
    std::set<std::string_view> names;
    for (const Entry& entry : node.items()) {
        if ((entry.key != nullptr) != node.is_mapping()) std::abort();
        if (entry.key && !names.insert(entry.key->text).second) std::abort();
        check(*entry.value);
    }
}

// The first document of a text, or nullptr when it has mistakes.
Node* parse(Tree& tree, std::string_view text, const char* name, DocumentBudget& budget, Reporter& reporter) {
    const std::uint32_t file =
        tree.add_file(name, std::make_shared<const std::string>(std::string{text} + "\n"), "/project");
    const std::vector<Node*> roots = parse_documents(tree, file, budget, reporter);
    return roots.empty() || reporter.failed() || !roots[0]->is_mapping() ? nullptr : roots[0];
}

void lay_over(std::string_view first, std::string_view second) {
    Tree tree;
    Reporter reporter;
    DocumentBudget budget;
    budget.alias_nodes_left = 10'000;
    Node* base = parse(tree, first, "/project/base.yaml", budget, reporter);
    Node* over = base ? parse(tree, second, "/project/over.yaml", budget, reporter) : nullptr;
    if (!over) return;
    Node* merged = merge(tree, *base, *over, key_tree(), reporter);
    strip_merge_tags(*merged);
    check(*merged);
}

void extend(std::string_view first, std::string_view second) {
    Tree tree;
    Reporter reporter;
    SourceReader reader{"/project", 1 << 20};
    DocumentReader documents{reader, tree, reporter};
    documents.budget.alias_nodes_left = 10'000;
    Node* extending = parse(tree, second, "/project/over.yaml", documents.budget, reporter);
    if (!extending) return;
    const auto load_base = [&](const std::string&, const Node&) {
        Node* root = parse(tree, first, "/project/base.yaml", documents.budget, reporter);
        // As who reads files does.
        if (!root) reporter.error("empty-file", "the compose file is empty", {"/project/base.yaml", 0, 0});
        return root;
    };
    ExtendsResolver resolver{tree, reporter, documents, load_base};
    const bool complete = resolver.resolve(*extending);
    if (!complete && !reporter.failed()) std::abort();
    strip_merge_tags(*extending);
    if (!reporter.failed()) check(*extending);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const std::size_t parting = input.find(kParting);
    const std::string_view first = input.substr(0, parting);
    const std::string_view second =
        parting == std::string_view::npos ? first : input.substr(parting + kParting.size());
    lay_over(first, second);
    extend(first, second);
    return 0;
}
