// What the tests of the Compose loader share: a project directory with files, and a load of it.
#pragma once

#include "manager/compose/loader.hpp"
#include "tests/support/temp_root.hpp"

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace stack::compose::test {

/// A project directory named "shop" in a fresh temporary one.
class ComposeProject {
  public:
    ComposeProject() { request.cwd = dir_->file("shop"); }

    ComposeProject& file(const std::string& name, const std::string& content) {
        dir_->write("shop/" + name, content);
        return *this;
    }
    LoadResult load() { return compose::load(request); }
    /// The project of a load that must succeed; diagnostics that are errors fail the test.
    Project loaded() {
        LoadResult result = load();
        EXPECT_TRUE(result.project.has_value()) << render(result.diagnostics, result.sources, false);
        return result.project.value_or(Project{});
    }
    /// What the user sees, file names relative to the project directory.
    std::string messages() {
        const LoadResult result = load();
        return render(result.diagnostics, result.sources, false);
    }
    [[nodiscard]] std::string path(const std::string& name) const { return request.cwd + "/" + name; }

    LoadRequest request;

  private:
    std::unique_ptr<stack::test::TempDir> dir_ = std::make_unique<stack::test::TempDir>();
};

/// The one service `web` of a file that holds these lines below it (indented by four).
inline Service load_service(const std::string& lines, std::map<std::string, std::string> environment = {}) {
    ComposeProject project;
    project.request.environment = std::move(environment);
    project.file("compose.yaml", "services:\n  web:\n    image: nginx\n" + lines);
    return project.loaded().services["web"];
}

}  // namespace stack::compose::test
