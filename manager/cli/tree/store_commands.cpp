// Commands on disk space and volumes: df, gc, volumes, `volume …`.
#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"
#include "runtime/base/units.hpp"

#include <memory>

#include <CLI/App.hpp>
#include <fmt/format.h>

namespace stack::cli::tree {

namespace {

Finish define_df(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<DfCommand>();
    flag(app, "-v,--verbose", c->verbose, "Every image, container and volume, and why it is kept");
    choice(app, "--format", c->format, {"table", "json"}, "Layout");
    return finish(c);
}

Finish define_gc(CLI::App& app, GlobalOptions& globals) {
    auto c = std::make_shared<GcCommand>();
    app.add_option_function<std::string>(
           "--keep",
           [c = c.get()](const std::string& value) {
               c->keep_bytes = parse_bytes(value);
               if (!c->keep_bytes) bad_value("--keep", fmt::format("'{}' is not a size such as 20G", value));
           },
           "Also images with names, the longest unused first, until the store takes no more")
        ->type_name("SIZE");
    flag(app, "--dry-run", globals.dry_run, "Say what would go, remove nothing");
    return finish(c);
}

template <class T>
Finish finish_volume(std::shared_ptr<T> draft) {
    return [draft] { return Command{VolumeCommand{*draft}}; };
}

Finish define_volume_ls(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VolumeLsCommand>();
    choice(app, "--format", c->format, {"table", "json"}, "Layout; json prints one object a line");
    flag(app, "-q,--quiet", c->quiet, "Only the names");
    list(app, "-f,--filter", c->filters, "KEY=VALUE",
         "name=TEXT, label=KEY[=VALUE] or dangling=BOOL (repeatable)");
    return finish_volume(c);
}

Finish define_volume_inspect(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VolumeInspectCommand>();
    app.add_option("names", c->names)->required()->type_name("NAME");
    return finish_volume(c);
}

Finish define_volume_create(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VolumeCreateCommand>();
    list(app, "--label", c->labels, "KEY[=VALUE]", "Label (repeatable)");
    app.add_option("name", c->name)->type_name("NAME");
    return finish_volume(c);
}

Finish define_volume_rm(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VolumeRmCommand>();
    flag(app, "-f,--force", c->force, "Names that aren't there are no error");
    app.add_option("names", c->names)->required()->type_name("NAME");
    return finish_volume(c);
}

Finish define_volume_prune(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VolumePruneCommand>();
    flag(app, "-a,--all", c->all, "Named volumes too");
    flag(app, "-f,--force", c->force, "Don't ask");
    list(app, "--filter", c->filters, "label=KEY[=VALUE]", "Only volumes with that label (repeatable)");
    return finish_volume(c);
}

Finish define_volumes(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<VolumesCommand>();
    choice(app, "--format", c->format, {"table", "json"}, "Layout; json prints one object a line");
    flag(app, "-q,--quiet", c->quiet, "Only the names");
    services(app, c->services);
    return finish(c);
}

constexpr Entry kStoreCommands[] = {
    {"df", kStore, "[FLAGS]", "Tell what takes disk space, what is shared, and what could go",
     "The sum is what du(1) says of the data root.", define_df},
    {"gc", kStore, "[FLAGS]", "Remove images that nothing needs, and what interrupted work left", "",
     define_gc},
    {"volumes", kStore, "[FLAGS] [SERVICE...]", "List the volumes of a project", "", define_volumes},
    {"volume ls", kStore, "[FLAGS]", "List volumes", "", define_volume_ls},
    {"volume inspect", kStore, "NAME...", "Print what is known of volumes as JSON", "",
     define_volume_inspect},
    {"volume create", kStore, "[FLAGS] [NAME]", "Make a volume", "", define_volume_create},
    {"volume rm", kStore, "[FLAGS] NAME...", "Remove volumes that no container uses", "", define_volume_rm},
    {"volume prune", kStore, "[FLAGS]", "Remove all anonymous volumes that no container uses", "",
     define_volume_prune},
};

}  // namespace

std::span<const Entry> store_commands() {
    return kStoreCommands;
}

}  // namespace stack::cli::tree
