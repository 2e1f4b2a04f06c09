#include "manager/compose/source_reader.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"

namespace stack::compose {

SourceReader::Text SourceReader::keep(const std::string& name, std::string text) {
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    auto shared = std::make_shared<const std::string>(std::move(text));
    texts_[name] = shared;
    sources.add(name, shared);
    return shared;
}

std::variant<SourceReader::Text, std::string> SourceReader::read(const std::string& path) {
    if (const auto known = texts_.find(path); known != texts_.end()) return known->second;
    try {
        std::optional<std::string> text = read_file_if_exists(path, limit_);
        if (!text) return Text{};
        if (text->size() > left_) return std::string{"the files of this project are too large together"};
        left_ -= text->size();
        return keep(path, std::move(*text));
    } catch (const Error& error) {
        return std::string{error.what()};
    }
}

}  // namespace stack::compose
