#include "runtime/cgroup_limits.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/cgroup_files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::cgroup_limits {

namespace {

using namespace cgroup_files;

bool host_has_swap() {
    const std::string swaps = read_file_if_exists("/proc/swaps").value_or("");
    return std::count(swaps.begin(), swaps.end(), '\n') > 1;  // the first line is the heading
}

/// Whether the limit may be passed over when the kernel has no file for it.
bool may_be_missing(const CgroupWrite& write) {
    return write.missing == CgroupWrite::Missing::fine ||
           (write.missing == CgroupWrite::Missing::without_swap_fine && !host_has_swap());
}

Error refused_write(const CgroupWrite& write, int err) {
    const ErrorKind kind =
        err == EACCES || err == EPERM || err == EROFS ? ErrorKind::permission : ErrorKind::not_supported;
    if (err == ENOENT && !write.other_file.empty())
        return Error{kind, fmt::format("limit {} can't be enforced: this kernel has neither {} nor {} here",
                                       write.limit, write.file, write.other_file)};
    return Error{kind, fmt::format("limit {} can't be enforced: write '{}' to {}: {}", write.limit,
                                   write.value, write.file, errno_text(err))};
}

/// The file that was written last: device rules are many lines for the same one.
class LastFile {
  public:
    /// As write_at.
    int write(int dir, const std::string& file, std::string_view value) {
        if (dir != dir_ || file != file_ || !fd_.valid()) {
            fd_ = open_below(dir, file.c_str(), O_WRONLY);
            if (!fd_.valid()) return errno;
            dir_ = dir;
            file_ = file;
        }
        while (::write(fd_.get(), value.data(), value.size()) < 0)
            if (errno != EINTR) return errno;
        return 0;
    }

  private:
    int dir_ = -1;
    std::string file_;
    UniqueFd fd_;
};

/// One write with its way back. The file of the other name is used when the first one isn't there.
int write_one(int dir, const CgroupWrite& write, Undo* undo, LastFile& last) {
    for (const auto& [file, value] :
         {std::pair{write.file, write.value}, std::pair{write.other_file, write.other_value}}) {
        if (file.empty()) break;
        const std::optional<std::string> before = undo ? read_at(dir, file.c_str()) : std::nullopt;
        const int err = last.write(dir, file, value);
        if (err == ENOENT) continue;
        if (err == 0 && undo != nullptr && before)
            undo->push([dir, name = file, old = value_before(write, *before)] { write_at(dir, name, old); });
        return err;
    }
    return ENOENT;
}

}  // namespace

void perform(const std::vector<CgroupWrite>& writes, const DirectoryOf& directory_of, Undo* undo) {
    LastFile last;
    std::vector<const CgroupWrite*> again;
    for (const CgroupWrite& write : writes) {
        const int err = write_one(directory_of(write.controller), write, undo, last);
        if (err == 0 || (err == ENOENT && may_be_missing(write))) continue;
        again.push_back(&write);
    }
    for (const CgroupWrite* write : again)
        if (const int err = write_one(directory_of(write->controller), *write, undo, last); err != 0)
            throw refused_write(*write, err);
}

void set_v1_devices(int directory, const std::vector<DeviceRule>& rules, Undo* undo) {
    const std::string before = read_at(directory, "devices.list").value_or("");
    if (undo)
        undo->push([directory, before] {
            const std::string now = read_at(directory, "devices.list").value_or("");
            perform(v1_device_transition(now, parse_device_list(before)),
                    [=](const std::string&) { return directory; });
        });
    perform(v1_device_transition(before, rules), [=](const std::string&) { return directory; });
}

}  // namespace stack::cgroup_limits
