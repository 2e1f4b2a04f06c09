// The program stack-image run by a test, one store below a directory of the test.
#pragma once

#include "runtime/base/child_process.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/base/text.hpp"
#include "runtime/image/image_store.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temp_root.hpp"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::test {

inline const std::string kWorkerProgram = program_path("stack-image");

class ImageWorkerTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root for the sandbox";
    }

    /// By the shell, in the test's directory; `$W` is the worker. Its output, for a script that succeeds.
    std::string shell(const std::string& script) const {
        SpawnOptions options;
        options.argv = {"/bin/sh", "-ec", fmt::format("W={}; {}", kWorkerProgram, script)};
        options.working_dir = directory_.path();
        const CommandResult result = run_command(options, 30000);
        EXPECT_EQ(result.exit_code, 0) << script << "\n" << result.out << result.err;
        return result.out;
    }

    struct Answer {
        std::vector<nlohmann::json> results;
        nlohmann::json last;  ///< event
        std::vector<std::string> warnings;
        std::string error;  ///< message | hint
        int exit_code = 0;
        [[nodiscard]] std::string digest() const {
            return results.empty() ? "" : results.front().value("digest", "");
        }
    };
    /// A program, argv as it is, in the test's directory, and its events.
    Answer call(std::vector<std::string> argv) const {
        SpawnOptions options;
        options.argv = std::move(argv);
        options.working_dir = directory_.path();
        const CommandResult result = run_command(options, 30000);
        EXPECT_EQ(result.err, "");
        Answer answer;
        answer.exit_code = result.exit_code;
        for (const std::string& line : split(result.out, '\n')) {
            if (line.empty()) continue;
            const nlohmann::json event = nlohmann::json::parse(line);
            if (event["event"] == "result") answer.results.push_back(event);
            if (event["event"] == "warning") answer.warnings.push_back(event["message"]);
            if (event["event"] == "error")
                answer.error = event.value("message", "") + " | " + event.value("hint", "");
            answer.last = event;
        }
        return answer;
    }
    /// `words` for the shell: verb and arguments without `--root`; files are relative to the test's directory.
    Answer work(const std::string& words, const std::string& root = "root") const {
        const std::size_t space = words.find(' ');
        return call({"/bin/sh", "-c",
                     fmt::format("exec {} {} --root {} {}", kWorkerProgram, words.substr(0, space),
                                 directory_.file(root), words.substr(space + 1))});
    }

    [[nodiscard]] ImageStore store(const std::string& root = "root") const {
        return ImageStore{directory_.file(root)};
    }

    /// Every blob has the digest of its name, nothing is half there, nothing is left over.
    void expect_sound_store(const std::string& root = "root") const {
        const StorePaths paths{directory_.file(root)};
        EXPECT_TRUE(list_directory(paths.staging).empty());
        for (const std::string& name : list_directory(paths.blobs))
            EXPECT_EQ(sha256_digest(read_file(paths.blobs + '/' + name)), "sha256:" + name);
        for (const ImageSummary& image : store(root).list())
            EXPECT_NO_THROW(static_cast<void>(store(root).get(image.digest)));
    }

    /// What du(1) says, in bytes.
    std::uint64_t du(const std::string& path) const {
        const std::string text = shell("du --block-size=1 -s " + path);
        return static_cast<std::uint64_t>(parse_int(split(text, '\t').front()).value_or(-1));
    }

    TempDir directory_;
};

}  // namespace stack::test
