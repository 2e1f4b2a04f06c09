// The steps of one mount that is made here, for whoever plans mounts. Private to the builders.
#pragma once

#include "runtime/mount_requests.hpp"
#include "runtime/program_builder.hpp"

#include <linux/mount.h>

#include <cstdint>
#include <string>
#include <vector>

namespace stack {

/// What the pseudo file systems of a container are mounted with.
inline constexpr std::uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

class MountSteps {
  public:
    /// Both are borrowed. `label`: SELinux context of the file systems made, or empty.
    MountSteps(ProgramBuilder& builder, const std::string& label) : b_{builder}, label_{label} {}

    void purpose(const char* name, const MountRequest& entry = {});
    /// A detached file system. The defaults hold where the entry has no options of its own.
    Slot make(const std::string& slot, const char* type, const MountRequest& entry, std::uint64_t attributes,
              std::vector<step::FilesystemOption> defaults = {});
    void attach(Slot mount, Slot base, std::string path, step::OpenMountPoint::Kind kind, bool no_links,
                bool keep);
    /// At a place that must be a directory or missing, never a link.
    void attach_directory(Slot mount, Slot base, const char* path, bool keep);
    /// All of it, with its purpose.
    Slot mount(const char* name, Slot base, const char* path, const char* type, const MountRequest& entry,
               std::uint64_t attributes, std::vector<step::FilesystemOption> defaults, bool keep);
    /// Its descriptor must outlive its being attached.
    [[nodiscard]] bool is_used_again(Slot mount) const;
    /// What is filled here and read-only becomes so when everything is in it.
    void finish();

  private:
    [[nodiscard]] bool is_own(Slot base) const;

    ProgramBuilder& b_;
    const std::string& label_;
    std::vector<Slot> own_;
    std::vector<Slot> read_only_;
};

}  // namespace stack
