#include "tests/support/temp_root.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

namespace stack::test {

TempDir::TempDir() {
    const char* base = ::getenv("TMPDIR");
    path_ = std::string{base != nullptr && *base != '\0' ? base : "/tmp"} + "/stack-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw_errno("make a temporary directory");
}

TempDir::~TempDir() {
    try {
        remove_tree(path_);
    } catch (const std::exception&) {  // a mount left inside: the leak check names it
    }
}

std::string TempDir::file(std::string_view name) const {
    return path_ + "/" + std::string{name};
}

std::string TempDir::write(std::string_view name, std::string_view content, unsigned mode) const {
    std::string full = file(name);
    std::filesystem::create_directories(std::filesystem::path{full}.parent_path());
    const UniqueFd out{::open(full.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (!out.valid()) throw_errno("write '" + full + "'");
    ::fchmod(out.get(), mode);
    write_all(out.get(), content, full);
    return full;
}

TempRoot::TempRoot() : project_{"t" + random_hex(4)} {
    std::filesystem::create_directory(project_dir());
}

}  // namespace stack::test
