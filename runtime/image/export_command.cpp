#include "runtime/image/export_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/image/folder_archive.hpp"
#include "runtime/image/image_store.hpp"
#include "runtime/image/inner_half.hpp"
#include "runtime/image/output_file.hpp"
#include "runtime/image/store_writer.hpp"
#include "runtime/image/worker_arguments.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

constexpr std::string_view kExportUsage = "usage: stack-image export --root DIR --output-fd N NAME";

struct ExportCommand {
    std::string data_root, output_fd, name;
};

ExportCommand parse_export(const std::vector<std::string>& words) {
    ExportCommand command;
    using Text = const std::string&;
    const std::vector<std::string> operands =
        parse_worker_arguments(words,
                               {{"--root", [&](Text value) { command.data_root = value; }},
                                {"--output-fd", [&](Text value) { command.output_fd = value; }}},
                               kExportUsage);
    if (operands.size() != 1) throw_bad_usage("export takes one name", kExportUsage);
    if (command.data_root.empty()) throw_bad_usage("--root is missing", kExportUsage);
    command.name = operands.front();
    return command;
}

// The layers merged by overlayfs, in a mount namespace that this process alone is in: opaque marks are read by the kernel,
// for which the sandboxed half lacks the privilege.
class MergedLayers {
  public:
    /// `folder` is an empty host folder of ours below the data root.
    MergedLayers(const StorePaths& paths, const Image& image, const std::string& folder)
        : target_{folder + "/merged"} {
        make_directories(target_);
        // Relative to the data root: short, so that many fit, and free of the characters that mean something here.
        std::string lower;
        for (const std::string& path : image.layer_paths) lower += below_root(paths, path) + ':';
        // Without a writable layer overlayfs wants two, and an image may have one or none.
        for (const char* name : {"/empty", "/nothing"}) {
            make_directories(folder + name, 0755);
            lower += below_root(paths, folder + name) + ':';
        }
        lower.pop_back();
        mount_overlay(paths, "lowerdir=" + lower, image);
    }
    ~MergedLayers() {
        if (mounted_) ::umount2(target_.c_str(), MNT_DETACH);
    }
    MergedLayers(const MergedLayers&) = delete;
    MergedLayers& operator=(const MergedLayers&) = delete;

    [[nodiscard]] const std::string& path() const { return target_; }

  private:
    static std::string below_root(const StorePaths& paths, const std::string& path) {
        return path.substr(paths.root.size() + 1);
    }

    void mount_overlay(const StorePaths& paths, const std::string& options, const Image& image) {
        constexpr std::size_t kMaxOptions = 4095;  // a page, with its NUL
        if (options.size() > kMaxOptions)
            throw Error{ErrorKind::not_supported,
                        fmt::format("image '{}' has {} layers; at most 127 can be merged here",
                                    image.reference, image.layer_paths.size())};
        if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            throw_errno("make a mount namespace for the image's layers");
        const UniqueFd here = open_directory(".");
        if (::chdir(paths.root.c_str()) != 0) throw_errno(fmt::format("enter '{}'", paths.root));
        const int result = ::mount("overlay", below_root(paths, target_).c_str(), "overlay",
                                   MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, options.c_str());
        if (result != 0) throw_errno("merge the image's layers");
        mounted_ = true;
        if (::fchdir(here.get()) != 0) throw_errno("go back to the working directory");
    }

    std::string target_;
    bool mounted_ = false;
};

}  // namespace

void export_verb(const std::vector<std::string>& words, EventWriter& events) {
    const ExportCommand command = parse_export(words);
    const ImageStore store{command.data_root};
    OutputFile output{command.output_fd};
    static_cast<void>(store.get(command.name));  // before a store is made where there is none
    const ImportSession session = ImportSession::begin(store.paths());
    const MergedLayers merged{store.paths(), store.get(command.name), session.folder()};
    InnerHalf half;
    half.plan.folders = {{merged.path(), kInnerSource, false}};
    half.plan.keep_fds = {output.fd(), session.lock_fd()};
    half.body = [&](EventWriter& inside) {
        const UniqueFd root = open_directory(kInnerSource);
        archive_folder(root.get(),
                       [&](const std::string& sentence) { inside.warning(sentence); })(output.sink());
        output.flush();
        inside.write({{"event", "staged"}, {"bytes", output.written()}});
    };
    half.staged = [&](const nlohmann::json& event) {
        events.write({{"event", "result"}, {"bytes", event.value("bytes", 0LL)}});
    };
    run_inner_half(half, events);
}

}  // namespace stack::image
