// Reads the text files of a load, each once, and keeps them for source lines in messages.
#pragma once

#include "manager/compose/diagnostic.hpp"

#include <map>
#include <memory>
#include <string>
#include <variant>

namespace stack::compose {

class SourceReader {
  public:
    /// `limit`: bytes of one file; all together may have a few times that.
    SourceReader(std::string base, std::size_t limit)
        : sources{std::move(base)}, limit_{limit}, left_{4 * limit} {}

    using Text = std::shared_ptr<const std::string>;
    /// The text without a UTF-8 byte order mark; nullptr when there is no such file; else why it can't be read.
    std::variant<Text, std::string> read(const std::string& path);
    /// A text that is no file (stdin).
    Text keep(const std::string& name, std::string text);

    SourceCache sources;

  private:
    std::size_t limit_;
    std::size_t left_;
    std::map<std::string, Text> texts_;
};

}  // namespace stack::compose
