#include "tests/support/payload_image.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/paths.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace stack::test {

namespace fs = std::filesystem;

namespace {

std::string find_busybox() {
    for (const char* path : {"/bin/busybox", "/usr/bin/busybox"})
        if (fs::exists(path)) return path;
    throw Error{ErrorKind::not_found, "busybox is not installed (package busybox-static)"};
}

void link_applets(const std::string& busybox, const fs::path& bin) {
    SpawnOptions list;
    list.argv = {busybox, "--list"};
    list.fds = {-1, -1, -1};
    std::istringstream names{run_command(list).out};
    for (std::string name; std::getline(names, name);)
        if (name != "busybox" && !fs::exists(bin / name)) fs::create_symlink("busybox", bin / name);
}

}  // namespace

void make_payload_rootfs(const std::string& directory) {
    const fs::path root{directory};
    for (const char* name : {"bin", "etc", "proc", "sys", "dev", "run", "root", "home/user", "var/lib"})
        fs::create_directories(root / name);
    fs::create_directory(root / "tmp");
    fs::permissions(root / "tmp", fs::perms::all | fs::perms::sticky_bit);
    const std::string busybox = find_busybox();
    fs::copy_file(busybox, root / "bin/busybox");
    fs::copy_file(test_program_path("stack-payload"), root / "bin/stack-payload");
    link_applets(busybox, root / "bin");
    std::ofstream{root / "etc/passwd"}
        << "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    std::ofstream{root / "etc/group"} << "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n";
}

}  // namespace stack::test
