// Brings compose files into the tree: reads and parses them within the limits of a load, and lets the reporter know
// how each file came in, so that a mistake in it names the way from the user's file to it.
#pragma once

#include "manager/compose/document.hpp"
#include "manager/compose/source_reader.hpp"

#include <string>
#include <vector>

namespace stack::compose {

/// The place that wants a file, and as what.
struct FileUse {
    enum class Kind { included, extended };
    Kind kind;
    const Node* place;           ///< the value that names the file
    std::string base_directory;  ///< of the file that is read
};

class DocumentReader {
  public:
    DocumentReader(SourceReader& reader, Tree& tree, Reporter& reporter)
        : reader_{reader}, tree_{tree}, reporter_{reporter} {}

    /// The documents of a file that the command line names. Empty after an error, which has been reported.
    std::vector<Node*> read_named(const std::string& file, const std::string& base_directory);
    /// The same of a text that is no file.
    std::vector<Node*> read_text(const std::string& name, const std::string& base_directory,
                                 std::string text);
    /// The documents of a file that another file names.
    std::vector<Node*> read_used(const std::string& file, const FileUse& use);
    /// One error at `place` when copying values has used up the budget.
    void report_copy_limit(const Node& place);

    DocumentBudget budget;

  private:
    std::vector<Node*> parse(std::uint32_t file);

    SourceReader& reader_;
    Tree& tree_;
    Reporter& reporter_;
};

}  // namespace stack::compose
