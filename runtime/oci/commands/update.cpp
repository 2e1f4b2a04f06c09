// update: other limits for a container that runs.
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/oci/command_table.hpp"
#include "runtime/oci/commands/commands.hpp"
#include "runtime/oci/config_writer.hpp"
#include "runtime/oci/container_cgroup.hpp"
#include "runtime/oci/container_status.hpp"
#include "runtime/oci/fault_point.hpp"
#include "runtime/oci/resource_update.hpp"

#include <unistd.h>

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace stack::oci {

namespace {

ResourceSpec wanted_change(Program& program, const Arguments& arguments) {
    const std::string source = arguments.text("resources");
    if (source.empty()) return resources_from_flags(arguments);
    for (const Flag& flag : find_command("update")->flags)
        if (flag.name != std::string_view{"resources"} && arguments.has(flag.name))
            throw Error{ErrorKind::invalid_input,
                        fmt::format("--{} can't be used with --resources", flag.name)}
                .with_hint("write it into the document");
    std::vector<std::string> warnings;
    ResourceSpec change = read_resources_document(
        source == "-" ? read_all(STDIN_FILENO, "standard input") : read_file(source), warnings);
    program.log.warnings(warnings);
    drop_unchanged(change);
    return change;
}

}  // namespace

int run_update(Program& program, const Arguments& arguments) {
    const std::string& id = arguments.words[0];
    const FileLock lock = program.store.lock(id);
    const ContainerRecord record = program.store.load(id);
    if (!observe(program.store, record, program.cgroups()).alive())
        throw Error{ErrorKind::conflict, "container not running"};
    OciConfig config = program.store.load_config(id);
    const ResourceUpdate update = merge_resources(config.spec.resources, wanted_change(program, arguments));
    const ResourceSpec before = std::exchange(config.spec.resources, update.all);
    update_cgroup(program, record, before, update.write,
                  [&] { program.store.save_config(id, write_config(config)); });
    fault_point("update.saved");
    return 0;
}

}  // namespace stack::oci
