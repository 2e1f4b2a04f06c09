// Commands on images: `stack image …`.
#include "manager/cli/tree/entry.hpp"
#include "manager/cli/tree/flags.hpp"

#include <memory>

#include <CLI/App.hpp>

namespace stack::cli::tree {

namespace {

template <class T>
Finish finish_image(std::shared_ptr<T> draft) {
    return [draft] { return Command{ImageCommand{*draft}}; };
}

Finish define_image_import(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageImportCommand>();
    text(app, "--select", c->select, "NAME", "Which image of an archive that holds several");
    text(app, "--entrypoint", c->entrypoint, "WORDS", "Entrypoint, as words or a JSON list");
    text(app, "--command,--cmd", c->command, "WORDS", "Command, as words or a JSON list");
    list(app, "-e,--env", c->env, "KEY=VALUE", "Environment variable (repeatable)");
    text(app, "-w,--workdir", c->workdir, "DIR", "Working directory");
    text(app, "-u,--user", c->user, "USER[:GROUP]", "User");
    text(app, "--stop-signal", c->stop_signal, "SIGNAL", "Signal that asks it to stop");
    list(app, "-l,--label", c->labels, "KEY=VALUE", "Label (repeatable)");
    list(app, "--expose", c->expose, "PORT[/PROTOCOL]", "Port it listens on (repeatable)");
    flag(app, "-q,--quiet", c->quiet, "No progress");
    app.add_option("name", c->name)->required()->type_name("NAME");
    app.add_option("source", c->source)->required()->type_name("SOURCE");
    return finish_image(c);
}

Finish define_image_ls(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageLsCommand>();
    choice(app, "--format", c->format, {"table", "json"}, "Layout");
    flag(app, "-q,--quiet", c->quiet, "Only the ids");
    flag(app, "--no-trunc", c->no_trunc, "Whole ids");
    return finish_image(c);
}

Finish define_image_inspect(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageInspectCommand>();
    app.add_option("names", c->names)->required()->type_name("NAME");
    return finish_image(c);
}

Finish define_image_rm(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageRmCommand>();
    flag(app, "-f,--force", c->force, "Names that aren't there are no error");
    app.add_option("names", c->names)->required()->type_name("NAME");
    return finish_image(c);
}

Finish define_image_tag(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageTagCommand>();
    app.add_option("name", c->name)->required()->type_name("NAME");
    app.add_option("new-reference", c->new_reference)->required()->type_name("NEW");
    return finish_image(c);
}

constexpr Entry kImageCommands[] = {
    {"image import", kImages, "[FLAGS] NAME SOURCE", "Take an image from an archive or a folder",
     "SOURCE is an OCI layout (folder or tar), an archive of `docker save`, or a root file system (folder or "
     "tar);\n"
     "`-` is stdin. The flags that set entrypoint, command and so on hold where SOURCE has no configuration.",
     define_image_import},
    {"image ls", kImages, "[FLAGS]", "List images", "", define_image_ls},
    {"image inspect", kImages, "NAME...", "Print images' configuration as JSON", "", define_image_inspect},
    {"image tag", kImages, "NAME NEW", "Give an image another name", "", define_image_tag},
    {"image rm", kImages, "[FLAGS] NAME...", "Remove images", "", define_image_rm},
};

}  // namespace

std::span<const Entry> image_commands() {
    return kImageCommands;
}

}  // namespace stack::cli::tree
