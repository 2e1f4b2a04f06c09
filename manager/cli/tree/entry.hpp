// One command of the tree: its texts, and the function that defines its flags. Each family of commands has a file
// beside this one and hands out its entries; command_tree.cpp puts them together.
#pragma once

#include "manager/cli/options.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace stack::cli::tree {

/// Gives the finished command once the flags have been read.
using Finish = std::function<Command()>;

struct Entry {
    std::string_view path, group, arguments, summary, details;
    /// `globals` is for flags that a command repeats (--dry-run); both outlive the Finish.
    Finish (*define)(CLI::App& app, GlobalOptions& globals);
};

/// Headings of the overview.
inline constexpr std::string_view kRun = "Run a project", kLook = "Look at it", kProjectImages = "Its images",
                                  kImages = "Images and registries", kStore = "Disk and volumes",
                                  kProgram = "This program";

// Families, in the order of the overview.
std::span<const Entry> run_commands();
std::span<const Entry> look_commands();
std::span<const Entry> pull_commands();
std::span<const Entry> pull_commands();
std::span<const Entry> image_commands();
std::span<const Entry> store_commands();
std::span<const Entry> program_commands();

}  // namespace stack::cli::tree
