// spec, features, checkpoint: documents, and what there is none of.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/default_config.hpp"
#include "runtime/oci/features.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace stack::oci {

int run_spec(Program&, const Arguments& arguments) {
    OciConfig config = default_config();
    if (arguments.on("rootless")) make_rootless(config.spec, ::geteuid(), ::getegid());
    const std::string path =
        (arguments.has("bundle") ? arguments.text("bundle") : std::string{"."}) + "/config.json";
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (!file.valid()) {
        const int error = errno;
        if (error == EEXIST)
            throw Error{ErrorKind::already_exists, fmt::format("file {} exists. Remove it first", path)};
        throw Error::from_errno(error, fmt::format("create {}", path));
    }
    write_all(file.get(), write_config(config, 2), path);
    return 0;
}

int run_features(Program&, const Arguments&) {
    write_all(STDOUT_FILENO, features_document(), "standard output");
    return 0;
}

int run_checkpoint(Program&, const Arguments&) {
    throw Error{ErrorKind::not_supported, "checkpoint and restore are not supported"};
}

}  // namespace stack::oci
