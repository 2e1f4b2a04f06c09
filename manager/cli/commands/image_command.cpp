// `stack image …`: what the command line said, handed to the image functions of image.hpp with this host's places.
#include "manager/cli/commands.hpp"
#include "manager/cli/commands/image.hpp"
#include "manager/cli/terminal.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/fd.hpp"

#include <iostream>

#include <fmt/format.h>

namespace stack::cli {

namespace {

/// Digests of the images that containers on this host were made from, with a container's name each.
std::map<std::string, std::string> images_in_use(const engine::Paths& paths) {
    std::map<std::string, std::string> used;
    for (const std::string& project : engine::list_projects(paths))
        for (const engine::StoredContainer& container : engine::load_project_state(paths, project).containers)
            used.emplace(container.record.image_digest, container.record.name);
    return used;
}

/// Lasting lines stay; live ones replace each other on a terminal and are left out elsewhere.
class ImportLines {
  public:
    explicit ImportLines(const Context& context)
        : err_{context.err},
          shown_{context.globals.progress != ProgressMode::quiet},
          live_{context.err.is_terminal && context.globals.progress != ProgressMode::plain} {}
    ~ImportLines() {
        if (line_open_) write("\r\x1b[K");
    }
    ImportLines(const ImportLines&) = delete;
    ImportLines& operator=(const ImportLines&) = delete;

    void show(const std::string& line, bool live) {
        if (!shown_ || (live && !live_)) return;
        const std::size_t columns = terminal_size(err_.fd).value_or(TerminalSize{24, 80}).columns;
        const std::string before = live_ ? "\r\x1b[K" : "";
        write(live ? before + cut_to_width(printable(line), columns - 1) : before + printable(line) + "\n");
        line_open_ = live;
    }

  private:
    void write(const std::string& text) {
        try {
            write_all(err_.fd, text, "stderr");
        } catch (const Error&) {  // progress that nobody reads
        }
    }
    Terminal err_;
    bool shown_, live_, line_open_ = false;
};

int run(const Context& context, const ImageImportCommand& c) {
    ImageImportArgs args;
    args.data_root = context.paths.data_root;
    args.worker = context.paths.image_worker;
    args.name = c.name;
    args.source = c.source;
    args.select = c.select;
    args.entrypoint = c.entrypoint;
    args.command = c.command;
    args.working_dir = c.workdir;
    args.user = c.user;
    args.stop_signal = c.stop_signal;
    args.env = c.env;
    args.labels = c.labels;
    args.expose = c.expose;
    args.quiet = c.quiet;
    ImportLines lines{context};
    return run_image_import(args, std::cout,
                            [&](const std::string& line, bool live) { lines.show(line, live); });
}

int run(const Context& context, const ImageLsCommand& c) {
    return run_image_list({context.paths.data_root, c.format, c.quiet, c.no_trunc}, std::cout);
}

int run(const Context& context, const ImageInspectCommand& c) {
    return run_image_inspect(context.paths.data_root, c.names, std::cout);
}

int run(const Context& context, const ImageRmCommand& c) {
    return run_image_remove(
        context.paths.data_root, c.names, c.force, [&] { return images_in_use(context.paths); }, std::cout);
}

int run(const Context& context, const ImageTagCommand& c) {
    return run_image_tag(context.paths.data_root, c.name, c.new_reference);
}

}  // namespace

int run_image(const Context& context, const ImageCommand& command) {
    const int code = std::visit([&](const auto& c) { return run(context, c); }, command);
    std::cout.flush();
    return code;
}

}  // namespace stack::cli
