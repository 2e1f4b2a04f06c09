// Private directories of one test: what --root and --run-root point at, and a project directory.
#pragma once

#include <string>
#include <string_view>

namespace stack::test {

/// A fresh directory below $TMPDIR (or /tmp), 0700, removed with everything in it at the end.
/// Its name is unique on the machine (`stack-test-XXXXXX`), so that what belongs to a test can be told by it.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    /// `path()/name`; nothing is created.
    [[nodiscard]] std::string file(std::string_view name) const;
    /// Writes `path()/name`, making missing directories, and returns its path.
    std::string write(std::string_view name, std::string_view content, unsigned mode = 0644) const;

  private:
    std::string path_;
};

/// The directories of one run of the program: `root` for --root, `run_root` for --run-root, `project` to
/// stand in. The project directory's name is unique too, so that the project, its cgroups and its networks
/// are.
class TempRoot {
  public:
    TempRoot();
    [[nodiscard]] const TempDir& dir() const { return dir_; }
    [[nodiscard]] std::string root() const { return dir_.file("root"); }
    [[nodiscard]] std::string run_root() const { return dir_.file("run"); }
    [[nodiscard]] std::string project_dir() const { return dir_.file(project_); }
    /// The name the program derives from the project directory.
    [[nodiscard]] const std::string& project() const { return project_; }

  private:
    TempDir dir_;
    std::string project_;
};

}  // namespace stack::test
