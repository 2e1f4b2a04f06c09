// Names inside a layer archive, as strangers write them: made safe, or refused. Pure.
// Rules of image-spec layer.md ("Whiteouts") and of how Docker reads archives (absolute names start at the root).
#pragma once

#include <string>
#include <string_view>

namespace stack::image {

inline constexpr std::size_t kMaxEntryDepth = 256;
inline constexpr std::size_t kMaxEntryName = 4096;

/// A checked place inside the layer: `parent` has no `..`, no empty part and no leading slash.
struct EntryName {
    enum class Kind {
        root,      ///< the layer's top folder itself
        plain,     ///< an object `name` in `parent`
        whiteout,  ///< `name` of lower layers is hidden
        opaque,    ///< everything of lower layers in `parent` is hidden
        ignored,   ///< bookkeeping of aufs
    };
    Kind kind = Kind::plain;
    std::string parent;  ///< "" is the root, else `a/b`
    std::string name;
    [[nodiscard]] std::string path() const { return parent.empty() ? name : parent + '/' + name; }
    bool operator==(const EntryName&) const = default;
};

/// Throws Error(invalid_input) that shows the name: `..`, too deep, too long, a NUL, a bad whiteout.
EntryName parse_entry_name(std::string_view raw);

/// A name for messages: quoted, control characters and non-UTF-8 escaped, cut to a sane length.
std::string shown_name(std::string_view raw);

}  // namespace stack::image
