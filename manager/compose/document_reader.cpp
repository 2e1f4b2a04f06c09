#include "manager/compose/document_reader.hpp"

#include "manager/compose/paths.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <fmt/format.h>

namespace stack::compose {

namespace {

std::string_view how_used(FileUse::Kind kind) {
    return kind == FileUse::Kind::included ? "included" : "extended";
}

// A file of that directory whose name looks like the one that isn't there.
std::string nearest_file_hint(const std::string& path) {
    try {
        const auto near = nearest(file_name_of(path), list_directory(directory_of(path)));
        return near ? fmt::format("did you mean \"{}\"?", *near) : std::string{};
    } catch (const Error&) {
        return {};  // no suggestion without a look into the directory
    }
}

}  // namespace

std::vector<Node*> DocumentReader::read_text(const std::string& name, const std::string& base_directory,
                                             std::string text) {
    reporter_.brought_in(name, {}, {});
    return parse(tree_.add_file(name, reader_.keep(name, std::move(text)), base_directory));
}

std::vector<Node*> DocumentReader::read_named(const std::string& file, const std::string& base_directory) {
    reporter_.brought_in(file, {}, {});
    const auto read = reader_.read(file);
    if (const auto* why = std::get_if<std::string>(&read)) {
        reporter_.error("file", fmt::format("the file can't be read: {}", *why), {file, 0, 0});
        return {};
    }
    const SourceReader::Text& content = std::get<SourceReader::Text>(read);
    if (content) return parse(tree_.add_file(file, content, base_directory));
    reporter_.error("no-file", "the file does not exist", {file, 0, 0}).hint = nearest_file_hint(file);
    return {};
}

std::vector<Node*> DocumentReader::read_used(const std::string& file, const FileUse& use) {
    const Position place = tree_.position(*use.place);
    if (budget.files_left == 0) {
        reporter_
            .error("file-limit",
                   fmt::format("more than {} files are included or extended", budget.limits.used_files),
                   place)
            .hint = "does a file include itself by many ways?";
        return {};
    }
    --budget.files_left;
    const std::string name = reader_.sources.display_name(file);
    const auto read = reader_.read(file);
    if (const auto* why = std::get_if<std::string>(&read)) {
        reporter_.error(
            "file", fmt::format("the {} file {} can't be read: {}", how_used(use.kind), name, *why), place);
        return {};
    }
    const SourceReader::Text& content = std::get<SourceReader::Text>(read);
    if (!content) {
        reporter_
            .error("no-file", fmt::format("the {} file {} does not exist", how_used(use.kind), name), place)
            .hint = nearest_file_hint(file);
        return {};
    }
    reporter_.brought_in(file, fmt::format("{} here", how_used(use.kind)), place);
    return parse(tree_.add_file(file, content, use.base_directory));
}

void DocumentReader::report_copy_limit(const Node& place) {
    reporter_.error(
        "copy-limit",
        fmt::format("aliases, merge keys and extends copy more than {} values", budget.limits.alias_nodes),
        tree_.position(place));
}

std::vector<Node*> DocumentReader::parse(std::uint32_t file) {
    const std::size_t errors_before = reporter_.error_count();
    std::vector<Node*> roots = parse_documents(tree_, file, budget, reporter_);
    std::erase_if(roots, [](const Node* root) { return root->is_null(); });
    if (roots.empty() && reporter_.error_count() == errors_before)
        reporter_.error("empty-file", "the compose file is empty", {tree_.file(file).name, 0, 0}).hint =
            "begin with \"services:\"";
    return roots;
}

}  // namespace stack::compose
