// `stack image …`: an overload for each command, chosen by run_image (commands.hpp). They throw Error and return the
// exit code.
#pragma once

#include "manager/cli/commands.hpp"

namespace stack::cli {

int run_image_verb(const Context& context, const ImagePullCommand& command);
int run_image_verb(const Context& context, const ImagePushCommand& command);
int run_image_verb(const Context& context, const ImageLoadCommand& command);
int run_image_verb(const Context& context, const ImageSaveCommand& command);
int run_image_verb(const Context& context, const ImageExportCommand& command);
int run_image_verb(const Context& context, const ImageImportCommand& command);
int run_image_verb(const Context& context, const ImageLsCommand& command);
int run_image_verb(const Context& context, const ImageInspectCommand& command);
int run_image_verb(const Context& context, const ImageRmCommand& command);
int run_image_verb(const Context& context, const ImageTagCommand& command);
int run_image_verb(const Context& context, const ImagePruneCommand& command);
int run_image_verb(const Context& context, const ImageHistoryCommand& command);

}  // namespace stack::cli
