// `stack image import|ls|inspect|rm|tag`: plain parameters in, text out. Knows the store and the worker program,
// not the command-line parser. Foreign bytes are handled by the worker alone (stack-image).
#pragma once

#include "runtime/image/image_store.hpp"

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace stack::cli {

struct ImageImportArgs {
    std::string data_root;
    std::string worker;  ///< path of the program stack-image
    std::string name;    ///< reference to give the image
    std::string source;  ///< archive or folder; "-" is standard input
    std::string select;  ///< which image of an archive that holds several
    /// Used where the source has no configuration. Entrypoint and command: a JSON list or shell-like words.
    std::string entrypoint, command, working_dir, user, stop_signal;
    std::vector<std::string> env, labels, expose;
    bool quiet = false;
};

/// Shows progress lines (already complete sentences without newline); live is false for the lasting ones.
using ImageProgress = std::function<void(const std::string& line, bool live)>;

/// All of these return the process exit status and throw Error.
int run_image_import(const ImageImportArgs& args, std::ostream& out, const ImageProgress& progress);

struct ImageListArgs {
    std::string data_root;
    std::string format = "table";  ///< table or json
    bool quiet = false;
    bool no_trunc = false;
};
int run_image_list(const ImageListArgs& args, std::ostream& out);

int run_image_inspect(const std::string& data_root, const std::vector<std::string>& names, std::ostream& out);

/// `in_use` reads the container records; it is called while the store is locked. `force`: a name that is not there is
/// no error, and an image with several names goes by its id. All names are tried; the first failure is thrown at the end.
int run_image_remove(const std::string& data_root, const std::vector<std::string>& names, bool force,
                     const FindImagesInUse& in_use, std::ostream& out);
int run_image_tag(const std::string& data_root, const std::string& name, const std::string& new_reference);

}  // namespace stack::cli
