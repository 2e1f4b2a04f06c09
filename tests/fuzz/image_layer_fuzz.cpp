// Any bytes as a layer: uncompressed, read as tar and unpacked into a folder. Besides not crashing: nothing beside the folder
// changes, and what is in it can be removed again.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/compression.hpp"
#include "runtime/image/layer_unpacker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace stack;
using namespace stack::image;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

// place/layer among siblings that must stay as they are.
class Place {
  public:
    Place() {
        const char* tmp = std::getenv("TMPDIR");
        root_ = fmt::format("{}/stack-fuzz-{}", tmp ? tmp : "/tmp", ::getpid());
        remove_tree(root_);
        make_directories(root_ + "/outside/folder");
        make_directories(root_ + "/layer");
        require(::symlink("outside", (root_ + "/link").c_str()) == 0);
        const UniqueFd canary = open_at(open_directory(root_ + "/outside").get(), "canary",
                                        O_WRONLY | O_CREAT, Resolve::beneath_no_links, 0600);
        write_all(canary.get(), "alive", "the canary");
        ::umask(0);
        prepare_archive_locale();
        before_ = picture(root_);
    }
    ~Place() {
        try {
            remove_tree(root_);
        } catch (const Error&) {  // left for who looks at the crash
        }
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    [[nodiscard]] std::string layer() const { return root_ + "/layer"; }
    void check() const { require(picture(root_) == before_); }

  private:
    std::string picture(const std::string& folder) const {
        std::string text;
        for (const std::string& name : list_directory(folder)) {
            const std::string path = folder + '/' + name;
            struct stat info {};
            require(::lstat(path.c_str(), &info) == 0);
            if (path == layer()) continue;
            text += fmt::format("{} {:o} {} {} {} {}.{};", path, info.st_mode, info.st_uid, info.st_gid,
                                info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
            if (S_ISDIR(info.st_mode)) text += picture(path);
        }
        return text;
    }

    std::string root_, before_;
};

void unpack(const std::string& layer, std::span<const std::byte> bytes) {
    UnpackLimits limits;
    limits.entries = 1000;
    limits.bytes = 1u << 20;
    limits.remembered_bytes = 1u << 20;
    std::vector<std::byte> tar;
    decompress([&](const ByteSink& sink) { sink(bytes); },
               2 * limits.bytes)([&](Bytes part) { tar.insert(tar.end(), part.begin(), part.end()); });
    ArchiveReader archive{Bytes{tar}};
    const UniqueFd folder = open_directory(layer);
    const UnpackResult result =
        LayerUnpacker{folder.get(), limits, [](const std::string&) {}}.unpack(archive);
    for (const std::string& path : result.opaque_folders)  // as the outer half does it
        static_cast<void>(
            try_open_at(folder.get(), path.empty() ? "." : path, O_RDONLY | O_DIRECTORY, Resolve::in_root));
    inherit_folder_attributes(folder.get(), result.implicit_folders, {folder.get()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Place place;
    try {
        unpack(place.layer(), std::as_bytes(std::span{data, size}));
    } catch (const Error&) {  // refused
    }
    place.check();
    for (const std::string& name : list_directory(place.layer())) remove_tree(place.layer() + '/' + name);
    return 0;
}
