// The commands: each takes what it needs and its options, and returns the exit code. They throw Error; main
// prints.
#pragma once

#include "manager/cli/options.hpp"
#include "manager/cli/terminal.hpp"
#include "manager/engine/paths.hpp"
#include "runtime/base/error.hpp"

namespace stack::cli {

/// What main builds once and every command may use.
struct Context {
    GlobalOptions globals;
    engine::Paths paths;
    Terminal out, err;
};

/// Prints an error on stderr as a user should see it.
void report_error(const Context& context, const Error& error);

int run_up(const Context& context, const UpCommand& command);
int run_down(const Context& context, const DownCommand& command);
int run_select(const Context& context, const SelectCommand& command);
int run_ps(const Context& context, const PsCommand& command);
int run_logs(const Context& context, const LogsCommand& command);
int run_exec(const Context& context, const ExecCommand& command);
int run_config(const Context& context, const ConfigCommand& command);
int run_ls(const Context& context, const LsCommand& command);
int run_pull(const Context& context, const PullCommand& command);
int run_push(const Context& context, const PushCommand& command);
int run_images(const Context& context, const ImagesCommand& command);
int run_image(const Context& context, const ImageCommand& command);
int run_login(const Context& context, const LoginCommand& command);
int run_logout(const Context& context, const LogoutCommand& command);
int run_df(const Context& context, const DfCommand& command);
int run_gc(const Context& context, const GcCommand& command);
int run_volume(const Context& context, const VolumeCommand& command);
int run_volumes(const Context& context, const VolumesCommand& command);
int run_version(const Context& context, const VersionCommand& command);

}  // namespace stack::cli
