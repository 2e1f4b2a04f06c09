// What the user asked for of images and registries, as values. Part of options.hpp.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace stack::cli {

struct ImagePullCommand {
    std::vector<std::string> names;
    std::string platform;  ///< OS/ARCHITECTURE[/VARIANT]; empty: this host's
    bool quiet = false;
    bool operator==(const ImagePullCommand&) const = default;
};
struct ImagePushCommand {
    std::vector<std::string> names;
    bool quiet = false;
    bool operator==(const ImagePushCommand&) const = default;
};
struct ImageLoadCommand {
    std::string input = "-";  ///< archive; `-` is stdin
    bool quiet = false;
    bool operator==(const ImageLoadCommand&) const = default;
};
struct ImageSaveCommand {
    std::vector<std::string> names;
    std::string output;  ///< empty: stdout
    std::string format = "docker";
    bool operator==(const ImageSaveCommand&) const = default;
};
struct ImageExportCommand {
    std::string name;
    std::string output;  ///< empty: stdout
    bool operator==(const ImageExportCommand&) const = default;
};
struct ImageImportCommand {
    std::string name, source;
    std::string select;  ///< which image of an archive that holds several
    std::string entrypoint, command, workdir, user, stop_signal;
    std::vector<std::string> env, labels, expose;
    bool quiet = false;
    bool operator==(const ImageImportCommand&) const = default;
};
struct ImageLsCommand {
    std::string format = "table";
    bool quiet = false, no_trunc = false;
    bool operator==(const ImageLsCommand&) const = default;
};
struct ImageInspectCommand {
    std::vector<std::string> names;
    bool operator==(const ImageInspectCommand&) const = default;
};
struct ImageRmCommand {
    std::vector<std::string> names;
    bool force = false;
    bool operator==(const ImageRmCommand&) const = default;
};
struct ImageTagCommand {
    std::string name, new_reference;
    bool operator==(const ImageTagCommand&) const = default;
};
struct ImagePruneCommand {
    bool all = false, force = false;
    std::vector<std::string> filters;  ///< until=TIME
    bool operator==(const ImagePruneCommand&) const = default;
};
struct ImageHistoryCommand {
    std::string name;
    std::string format = "table";
    bool quiet = false, no_trunc = false;
    bool operator==(const ImageHistoryCommand&) const = default;
};
using ImageCommand = std::variant<ImagePullCommand, ImagePushCommand, ImageLoadCommand, ImageSaveCommand,
                                  ImageExportCommand, ImageImportCommand, ImageLsCommand, ImageInspectCommand,
                                  ImageRmCommand, ImageTagCommand, ImagePruneCommand, ImageHistoryCommand>;

/// `stack pull`
struct PullCommand {
    std::vector<std::string> services;
    std::string policy;  ///< always, missing; empty: what the services say, always where they say nothing
    bool include_deps = false, ignore_failures = false, ignore_buildable = false, quiet = false;
    bool operator==(const PullCommand&) const = default;
};
/// `stack push`
struct PushCommand {
    std::vector<std::string> services;
    bool include_deps = false, ignore_failures = false, quiet = false;
    bool operator==(const PushCommand&) const = default;
};
/// `stack images`
struct ImagesCommand {
    std::vector<std::string> services;
    std::string format = "table";
    bool quiet = false;
    bool operator==(const ImagesCommand&) const = default;
};

struct LoginCommand {
    std::string registry;  ///< empty: docker.io
    std::string user;      ///< empty: asked for
    std::string password;  ///< empty: asked for, or from stdin
    bool password_stdin = false;
    bool operator==(const LoginCommand&) const = default;
};
struct LogoutCommand {
    std::string registry;
    bool operator==(const LogoutCommand&) const = default;
};

}  // namespace stack::cli
