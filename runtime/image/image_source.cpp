#include "runtime/image/image_source.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/archive_reader.hpp"
#include "runtime/image/entry_name.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::size_t kMaxMembers = 100'000;
constexpr std::size_t kMaxImages = 1000;

class FolderMembers : public Members {
  public:
    explicit FolderMembers(int folder) : folder_{folder} {}
    std::optional<Member> find(const std::string& name) const override {
        UniqueFd fd = try_open_at(folder_, name, O_RDONLY | O_NONBLOCK, Resolve::beneath_no_links);
        struct stat info {};
        if (!fd.valid() || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
        return Member{std::move(fd), 0, static_cast<std::uint64_t>(info.st_size)};
    }

  private:
    int folder_;
};

// A file mapped for reading. The sandboxed process alone dies (SIGBUS) if somebody truncates the file meanwhile.
class Mapping {
  public:
    explicit Mapping(int file) {
        struct stat info {};
        if (::fstat(file, &info) != 0) throw_errno("read the archive's size");
        size_ = static_cast<std::size_t>(info.st_size);
        if (size_ == 0) throw Error{ErrorKind::invalid_input, "the archive is empty"};
        data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
        if (data_ == MAP_FAILED) throw_errno("map the archive");
    }
    ~Mapping() { ::munmap(data_, size_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    [[nodiscard]] Bytes bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

  private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

// Names and places of an archive's files, found by one pass over its headers.
class ArchiveMembers : public Members {
  public:
    explicit ArchiveMembers(int file) : file_{file} {
        const Mapping mapping{file};
        ArchiveReader reader{mapping.bytes()};
        while (const std::optional<ArchiveEntry> entry = reader.next()) {
            const EntryName name = parse_entry_name(entry->name);
            if (name.kind != EntryName::Kind::plain) continue;
            if (places_.size() + links_.size() >= kMaxMembers)
                throw Error{ErrorKind::invalid_input, "the image archive has too many files"};
            if (entry->type == EntryType::file) {
                places_[name.path()] = place_of(*entry, reader, mapping.bytes());
            } else if (entry->type == EntryType::symlink) {
                // Old `docker save` writes a layer that occurs twice as a link to `../<id>/layer.tar`.
                links_[name.path()] = name.parent + '/' + entry->link;
            } else if (entry->type == EntryType::hard_link) {
                links_[name.path()] = entry->link;
            }
        }
    }

    std::optional<Member> find(const std::string& name) const override {
        std::string path = normal(name);
        for (int hops = 0; hops < 8; ++hops) {
            if (const auto place = places_.find(path); place != places_.end()) {
                UniqueFd fd{::fcntl(file_, F_DUPFD_CLOEXEC, 0)};
                if (!fd.valid()) throw_errno("duplicate the archive's descriptor");
                return Member{std::move(fd), place->second.offset, place->second.size};
            }
            const auto link = links_.find(path);
            if (link == links_.end()) return std::nullopt;
            path = normal(link->second);
        }
        return std::nullopt;
    }

  private:
    struct Place {
        std::uint64_t offset = 0, size = 0;
    };

    // Blocks of an archive read from memory point into that memory; a sparse or odd file does not lie in one piece.
    static Place place_of(const ArchiveEntry& entry, ArchiveReader& reader, Bytes whole) {
        if (entry.size == 0) return {};
        const std::optional<ArchiveReader::Block> block = reader.block();
        const std::byte* data = block ? block->bytes.data() : nullptr;
        if (!block || block->offset != 0 || data < whole.data() || data > whole.data() + whole.size() ||
            entry.size > static_cast<std::uint64_t>(whole.data() + whole.size() - data))
            throw Error{
                ErrorKind::invalid_input,
                fmt::format("file {} of the image archive is cut off or sparse", shown_name(entry.name))};
        return {static_cast<std::uint64_t>(data - whole.data()), entry.size};
    }

    // Lexical, `..` included: these are keys of a map, never paths.
    static std::string normal(const std::string& name) {
        std::vector<std::string> parts;
        for (std::string& part : split(name, '/')) {
            if (part.empty() || part == ".") continue;
            if (part == "..") {
                if (!parts.empty()) parts.pop_back();
            } else {
                parts.push_back(std::move(part));
            }
        }
        return join(parts, "/");
    }

    int file_;
    std::map<std::string, Place> places_;
    std::map<std::string, std::string> links_;
};

bool is_hex64(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Top-level names that only image layouts have.
bool is_layout_name(std::string_view path) {
    const std::string_view top = path.substr(0, path.find('/'));
    if (top == "blobs" || path == "oci-layout" || path == "index.json" || path == "manifest.json" ||
        path == "repositories")
        return true;
    return is_hex64(top) || (top.size() > 64 && is_hex64(top.substr(0, 64)) &&
                             (top.substr(64) == ".json" || top.substr(64) == ".tar"));
}

// What this program keeps beside the layout in its own store: says nothing about an archive that begins with it.
bool is_store_name(std::string_view path) {
    const std::string_view top = path.substr(0, path.find('/'));
    return top == "downloads" || top == "gc.lock" || top == "index.lock";
}

std::string annotation(const Descriptor& descriptor, const std::string& key) {
    const auto found = descriptor.annotations.find(key);
    return found == descriptor.annotations.end() ? std::string{} : found->second;
}

std::vector<FoundImage> images_of_index(const Members& members) {
    constexpr std::size_t kMaxIndexBytes = 64u << 20;
    const Index index = parse_index(members.get("index.json").text("index.json", kMaxIndexBytes));
    std::map<std::string, FoundImage> by_digest;
    for (const Descriptor& descriptor : index.manifests) {
        FoundImage& image = by_digest[descriptor.digest];
        image.manifest = descriptor;
        // containerd and Docker keep the whole name apart from the tag.
        std::string name = annotation(descriptor, "io.containerd.image.name");
        if (name.empty()) name = annotation(descriptor, std::string{kRefNameAnnotation});
        if (!name.empty()) image.names.push_back(std::move(name));
    }
    std::vector<FoundImage> images;
    images.reserve(by_digest.size());
    for (auto& [digest, image] : by_digest) images.push_back(std::move(image));
    return images;
}

std::vector<FoundImage> images_of_docker_archive(const Members& members) {
    const std::string text = members.get("manifest.json").text("manifest.json", kMaxManifestBytes);
    // The document is a list; wrapped so that the checked accessors apply.
    const nlohmann::json document = json_fields::parse_object(fmt::format(R"({{"images":{}}})", text),
                                                              "manifest.json", kMaxManifestBytes + 64);
    std::vector<FoundImage> images;
    const nlohmann::json* list = json_fields::array(document, "images", kMaxImages);
    if (list == nullptr) return images;
    for (const nlohmann::json& item : *list) {
        if (!item.is_object())
            throw Error{ErrorKind::invalid_input, "manifest.json holds something that is no image"};
        FoundImage image;
        image.names = json_fields::strings(item, "RepoTags");
        image.config = json_fields::string(item, "Config");
        image.layers = json_fields::strings(item, "Layers");
        if (image.config.empty())
            throw Error{ErrorKind::invalid_input, "manifest.json: an image has no 'Config'"};
        images.push_back(std::move(image));
    }
    return images;
}

bool same_name(const std::string& a, std::string_view b) {
    if (a == b) return true;
    try {
        return ImageReference::parse(a).full() == ImageReference::parse(b).full();
    } catch (const Error&) {
        return false;  // a bare tag in an annotation, say
    }
}

std::string listing(const std::vector<FoundImage>& images) {
    std::vector<std::string> names;
    for (const FoundImage& image : images) {
        names.push_back(image.names.empty()
                            ? image.manifest.digest.empty() ? image.config : image.manifest.digest
                            : join(image.names, " = "));
        if (names.size() == 20) break;
    }
    std::sort(names.begin(), names.end());
    return join(names, ", ");
}

}  // namespace

std::string Member::text(std::string_view what, std::size_t limit) const {
    if (size > limit)
        throw Error{ErrorKind::invalid_input,
                    fmt::format("{} has {} bytes; at most {} are read", what, size, limit)};
    std::string result;
    result.reserve(static_cast<std::size_t>(size));
    bytes()([&](Bytes part) { result.append(reinterpret_cast<const char*>(part.data()), part.size()); });
    return result;
}

Member Members::get(const std::string& name) const {
    if (std::optional<Member> member = find(name)) return std::move(*member);
    throw Error{ErrorKind::invalid_input, fmt::format("the image has no file {}", shown_name(name))};
}

Member Members::blob(std::string_view digest) const {
    return get("blobs/sha256/" + digest_hex(digest));
}

std::unique_ptr<Members> members_of_folder(int folder) {
    return std::make_unique<FolderMembers>(folder);
}
std::unique_ptr<Members> members_of_archive(int file) {
    return std::make_unique<ArchiveMembers>(file);
}

SourceKind kind_of_archive(Bytes start) {
    ArchiveReader reader{start};
    while (const std::optional<ArchiveEntry> entry = reader.next()) {
        const EntryName name = parse_entry_name(entry->name);
        if (name.kind == EntryName::Kind::root || is_store_name(name.path())) continue;
        return is_layout_name(name.path()) ? SourceKind::image_layout : SourceKind::root_file_system;
    }
    return SourceKind::root_file_system;
}

SourceKind kind_of_folder(int folder) {
    const FolderMembers members{folder};
    return members.find("oci-layout") && members.find("index.json") ? SourceKind::image_layout
                                                                    : SourceKind::root_file_system;
}

std::vector<FoundImage> images_in(const Members& members) {
    // New `docker save` writes both; the OCI part is digest-checked throughout.
    std::vector<FoundImage> images;
    if (members.find("index.json")) {
        images = images_of_index(members);
    } else if (members.find("manifest.json")) {
        images = images_of_docker_archive(members);
    } else {
        throw Error{ErrorKind::invalid_input,
                    "this looks like an image archive, but it has neither index.json nor "
                    "manifest.json"};
    }
    if (images.empty()) throw Error{ErrorKind::invalid_input, "the archive holds no image"};
    return images;
}

const FoundImage& choose_image(const std::vector<FoundImage>& images, std::string_view select) {
    for (const FoundImage& image : images) {
        if (select.empty()) break;
        if (image.manifest.digest == select) return image;
        for (const std::string& name : image.names)
            if (same_name(name, select)) return image;
    }
    if (!select.empty())
        throw Error{ErrorKind::not_found, fmt::format("the source has no image '{}'", select)}.with_hint(
            fmt::format("it has: {}", listing(images)));
    if (images.size() > 1)
        throw Error{ErrorKind::invalid_input, fmt::format("the source holds {} images", images.size())}
            .with_hint(fmt::format("say which with --select: {}", listing(images)));
    return images.front();
}

}  // namespace stack::image
