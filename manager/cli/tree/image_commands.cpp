// Commands on images and registries: `stack image …`, login, logout.
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

void image_names(CLI::App& app, std::vector<std::string>& into) {
    app.add_option("names", into)->required()->type_name("NAME");
}

Finish define_image_pull(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImagePullCommand>();
    text(app, "--platform", c->platform, "OS/ARCH", "For another machine than this one, such as linux/arm64");
    flag(app, "-q,--quiet", c->quiet, "No progress");
    ignored_flag(app, "--disable-content-trust");
    image_names(app, c->names);
    return finish_image(c);
}

Finish define_image_push(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImagePushCommand>();
    flag(app, "-q,--quiet", c->quiet, "No progress");
    ignored_flag(app, "--disable-content-trust");
    image_names(app, c->names);
    return finish_image(c);
}

Finish define_image_load(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageLoadCommand>();
    text(app, "-i,--input", c->input, "FILE", "Archive or OCI layout; stdin by default");
    flag(app, "-q,--quiet", c->quiet, "No progress");
    return finish_image(c);
}

Finish define_image_save(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageSaveCommand>();
    text(app, "-o,--output", c->output, "FILE", "Write there instead of stdout");
    choice(app, "--format", c->format, {"docker", "oci"}, "As `docker save` writes it, or an OCI layout");
    image_names(app, c->names);
    return finish_image(c);
}

Finish define_image_export(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageExportCommand>();
    text(app, "-o,--output", c->output, "FILE", "Write there instead of stdout");
    app.add_option("name", c->name)->required()->type_name("NAME");
    return finish_image(c);
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
    image_names(app, c->names);
    return finish_image(c);
}

Finish define_image_rm(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageRmCommand>();
    flag(app, "-f,--force", c->force, "Names that aren't there are no error");
    image_names(app, c->names);
    return finish_image(c);
}

Finish define_image_tag(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageTagCommand>();
    app.add_option("name", c->name)->required()->type_name("NAME");
    app.add_option("new-reference", c->new_reference)->required()->type_name("NEW");
    return finish_image(c);
}

Finish define_image_prune(CLI::App& app, GlobalOptions& globals) {
    auto c = std::make_shared<ImagePruneCommand>();
    flag(app, "-a,--all", c->all, "Images with names too");
    flag(app, "-f,--force", c->force, "Don't ask");
    list(app, "--filter", c->filters, "until=TIME", "Only images made before this time or age (repeatable)");
    flag(app, "--dry-run", globals.dry_run, "Say what would go, remove nothing");
    return finish_image(c);
}

Finish define_image_history(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<ImageHistoryCommand>();
    choice(app, "--format", c->format, {"table", "json"}, "Layout; json prints one object a line");
    flag(app, "--no-trunc", c->no_trunc, "Whole commands");
    flag(app, "-q,--quiet", c->quiet, "Only the ids of layers");
    ignored_flag(app, "-H,--human");
    app.add_option("name", c->name)->required()->type_name("NAME");
    return finish_image(c);
}

Finish define_login(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<LoginCommand>();
    text(app, "-u,--username", c->user, "NAME", "User; asked for otherwise");
    text(app, "-p,--password", c->password, "PASSWORD", "")->group("");
    flag(app, "--password-stdin", c->password_stdin, "Read the password from stdin");
    app.add_option("registry", c->registry)->type_name("REGISTRY");
    return [c] {
        if (c->password_stdin && !c->password.empty())
            bad_value("--password-stdin", "can't be used together with --password");
        if (c->password_stdin && c->user.empty()) bad_value("--password-stdin", "needs --username");
        return Command{*c};
    };
}

Finish define_logout(CLI::App& app, GlobalOptions&) {
    auto c = std::make_shared<LogoutCommand>();
    app.add_option("registry", c->registry)->type_name("REGISTRY");
    return finish(c);
}

constexpr Entry kImageCommands[] = {
    {"image pull", kImages, "[FLAGS] NAME...", "Fetch images from their registries",
     "Goes on where an earlier pull was interrupted. Layers that are here already are not fetched again.",
     define_image_pull},
    {"image push", kImages, "[FLAGS] NAME...", "Send images to the registries that their names tell", "",
     define_image_push},
    {"image load", kImages, "[FLAGS]", "Take all images of an archive, under their own names", "",
     define_image_load},
    {"image save", kImages, "[FLAGS] NAME...", "Write images into an archive", "", define_image_save},
    {"image export", kImages, "[FLAGS] NAME", "Write an image's files as one tar", "", define_image_export},
    {"image import", kImages, "[FLAGS] NAME SOURCE", "Take an image from an archive or a folder",
     "SOURCE is an OCI layout (folder or tar), an archive of `docker save`, or a root file system (folder or "
     "tar);\n"
     "`-` is stdin. The flags that set entrypoint, command and so on hold where SOURCE has no configuration.",
     define_image_import},
    {"image ls", kImages, "[FLAGS]", "List images", "", define_image_ls},
    {"image inspect", kImages, "NAME...", "Print images' configuration as JSON", "", define_image_inspect},
    {"image tag", kImages, "NAME NEW", "Give an image another name", "", define_image_tag},
    {"image history", kImages, "[FLAGS] NAME", "Tell how an image was made, and what each step takes", "",
     define_image_history},
    {"image prune", kImages, "[FLAGS]", "Remove images without a name that no container uses", "",
     define_image_prune},
    {"image rm", kImages, "[FLAGS] NAME...", "Remove images", "", define_image_rm},
    {"login", kImages, "[FLAGS] [REGISTRY]", "Check and keep credentials for a registry",
     "REGISTRY is docker.io when none is given. Credentials are kept where docker keeps them; a credential "
     "helper\n"
     "named there is used.",
     define_login},
    {"logout", kImages, "[REGISTRY]", "Forget the credentials for a registry", "", define_logout},
};

}  // namespace

std::span<const Entry> image_commands() {
    return kImageCommands;
}

}  // namespace stack::cli::tree
