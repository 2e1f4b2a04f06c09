#include "manager/cli/commands/image.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/units.hpp"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using nlohmann::json;

constexpr std::size_t kShortId = 12;

// `sha256:0123456789ab…` as people see it.
std::string shown_id(const std::string& id, bool whole) {
    if (whole || id.empty()) return id;
    const std::size_t colon = id.find(':');
    return id.substr(colon == std::string::npos ? 0 : colon + 1, kShortId);
}

std::string shown_age(std::chrono::system_clock::time_point created) {
    if (created == std::chrono::system_clock::time_point{}) return "N/A";
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - created);
    return format_age(std::max(age, std::chrono::seconds{0})) + " ago";
}

// --- import ---

std::vector<std::string> worker_arguments(const ImageImportArgs& args) {
    std::vector<std::string> argv{args.worker, "import", "--root", args.data_root};
    const auto add = [&](const char* flag, const std::string& value) {
        if (!value.empty()) argv.insert(argv.end(), {flag, value});
    };
    add("--select", args.select);
    add("--entrypoint", args.entrypoint);
    add("--cmd", args.command);
    add("--workdir", args.working_dir);
    add("--user", args.user);
    add("--stop-signal", args.stop_signal);
    for (const std::string& value : args.env) add("--env", value);
    for (const std::string& value : args.labels) add("--label", value);
    for (const std::string& value : args.expose) add("--expose", value);
    argv.insert(argv.end(), {"--", args.name, args.source});
    return argv;
}

Error error_of(const json& event) {
    Error error{kind_from_name(event.value("kind", "failed")), event.value("message", "unknown failure")};
    const json context = event.value("context", json::array());
    for (auto it = context.rbegin(); it != context.rend(); ++it) error.add_context(it->get<std::string>());
    if (const std::string hint = event.value("hint", ""); !hint.empty()) error.with_hint(hint);
    return error;
}

// What the worker's event lines add up to.
class ImportWatcher {
  public:
    ImportWatcher(const ImageImportArgs& args, std::ostream& out, const ImageProgress& progress)
        : args_{args}, out_{out}, progress_{progress} {}

    void hear(std::string_view line) {
        const json event = json::parse(line);
        const std::string kind = event.value("event", "");
        if (kind == "progress") {
            show(progress_line(event), true);
        } else if (kind == "warning") {
            show("warning: " + event.value("message", ""), false);
        } else if (kind == "result") {
            finish(event);
        } else if (kind == "error") {
            error_ = error_of(event);
        }
    }

    int conclude(int exit_code) {
        if (error_) throw Error{*error_}.add_context(fmt::format("cannot import image \"{}\"", args_.name));
        if (!done_)
            throw Error{ErrorKind::failed, fmt::format("the image worker ended with status {}", exit_code)};
        return 0;
    }

  private:
    void show(const std::string& line, bool live) const {
        if (progress_ && !(args_.quiet && live)) progress_(line, live);
    }

    [[nodiscard]] std::string progress_line(const json& event) const {
        const std::uint64_t done = event.value("done", std::uint64_t{0}),
                            total = event.value("total", std::uint64_t{0});
        const char* verb = event.value("phase", "") == "copy" ? "Copying" : "Unpacking";
        if (total == 0) return fmt::format("{} {} {}", verb, args_.name, format_size(done));
        return fmt::format("{} {} {} / {} ({} %)", verb, args_.name, format_size(done), format_size(total),
                           100 * done / total);
    }

    void finish(const json& event) {
        done_ = true;
        if (!args_.quiet)
            show(
                fmt::format("{} {} ({}, {} layer{})", event.value("changed", true) ? "Imported" : "Unchanged",
                            event.value("reference", ""), format_size(event.value("size", std::uint64_t{0})),
                            event.value("layers", 0), event.value("layers", 0) == 1 ? "" : "s"),
                false);
        out_ << event.value("id", "") << '\n';
    }

    const ImageImportArgs& args_;
    std::ostream& out_;
    const ImageProgress& progress_;
    std::optional<Error> error_;
    bool done_ = false;
};

void for_each_line(int fd, const std::function<void(std::string_view)>& each) {
    std::string pending;
    std::array<char, 16384> buffer;
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read from the image worker");
        if (got == 0) return;
        pending.append(buffer.data(), static_cast<std::size_t>(got));
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
            each(std::string_view{pending}.substr(0, end));
    }
}

// --- ls ---

json summary_json(const ImageSummary& image, bool whole_id) {
    return {{"Repository", image.repository},          {"Tag", image.tag},
            {"ID", shown_id(image.id, whole_id)},      {"Digest", image.digest},
            {"CreatedAt", format_time(image.created)}, {"CreatedSince", shown_age(image.created)},
            {"Size", format_size(image.size)},         {"SizeBytes", image.size}};
}

void print_table(const std::vector<ImageSummary>& images, bool whole_id, std::ostream& out) {
    std::vector<std::array<std::string, 5>> rows{{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}};
    for (const ImageSummary& image : images)
        rows.push_back({image.repository, image.tag, shown_id(image.id, whole_id), shown_age(image.created),
                        format_size(image.size)});
    std::array<std::size_t, 5> widths{};
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}   ", row[i], widths[i]);
        out << line << '\n';
    }
}

// --- inspect ---

json healthcheck_json(const ImageHealthcheck& check) {
    return {{"Test", check.test},
            {"Interval", check.interval.count()},
            {"Timeout", check.timeout.count()},
            {"StartPeriod", check.start_period.count()},
            {"StartInterval", check.start_interval.count()},
            {"Retries", check.retries}};
}

json image_json(const Image& image) {
    const ImageConfig& config = image.config;
    json settings = {
        {"Entrypoint", config.entrypoint},  {"Cmd", config.cmd},       {"Env", config.env},
        {"WorkingDir", config.working_dir}, {"User", config.user},     {"ExposedPorts", config.exposed_ports},
        {"Volumes", config.volumes},        {"Labels", config.labels}, {"StopSignal", config.stop_signal}};
    if (config.healthcheck) settings["Healthcheck"] = healthcheck_json(*config.healthcheck);
    json tags = json::array();
    if (!image.reference.empty()) tags.push_back(image.reference);
    return {{"Id", image.id},
            {"Digest", image.digest},
            {"RepoTags", std::move(tags)},
            {"Created", config.created},
            {"Architecture", config.architecture},
            {"Os", config.os},
            {"Size", image.size},
            {"Config", std::move(settings)},
            {"RootFS", {{"Type", "layers"}, {"Layers", config.diff_ids}}},
            {"LayerPaths", image.layer_paths}};
}

void print_removal(const ImageRemoval& removal, std::ostream& out) {
    for (const std::string& name : removal.untagged) out << "Untagged: " << name << '\n';
    for (const std::string& digest : removal.deleted)
        if (digest.starts_with("sha256:")) out << "Deleted: " << digest << '\n';
}

}  // namespace

int run_image_import(const ImageImportArgs& args, std::ostream& out, const ImageProgress& progress) {
    Pipe pipe = make_pipe();
    SpawnOptions options;
    options.argv = worker_arguments(args);
    options.fds = {args.source == "-" ? STDIN_FILENO : -1, pipe.write.get(), STDERR_FILENO};
    const ProcessHandle worker = spawn(options);
    pipe.write.reset();
    ImportWatcher watcher{args, out, progress};
    try {
        for_each_line(pipe.read.get(), [&](std::string_view line) { watcher.hear(line); });
    } catch (const json::exception& error) {
        worker.signal(SIGTERM);
        wait_for_exit(worker);
        throw Error{ErrorKind::internal,
                    fmt::format("the image worker's answer is not understood: {}", error.what())};
    }
    return watcher.conclude(exit_code_of_status(wait_for_exit(worker)));
}

int run_image_list(const ImageListArgs& args, std::ostream& out) {
    const std::vector<ImageSummary> images = ImageStore{args.data_root}.list();
    if (args.quiet) {
        std::vector<std::string> ids;
        for (const ImageSummary& image : images) {
            const std::string id = shown_id(image.id, args.no_trunc);
            if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
        }
        for (const std::string& id : ids) out << id << '\n';
    } else if (args.format == "json") {
        for (const ImageSummary& image : images) out << summary_json(image, args.no_trunc).dump() << '\n';
    } else if (args.format == "table") {
        print_table(images, args.no_trunc, out);
    } else {
        throw Error{ErrorKind::invalid_input, fmt::format("unknown format '{}'", args.format)}.with_hint(
            "use table or json");
    }
    return 0;
}

int run_image_inspect(const std::string& data_root, const std::vector<std::string>& names,
                      std::ostream& out) {
    const ImageStore store{data_root};
    json result = json::array();
    for (const std::string& name : names) result.push_back(image_json(store.get(name)));
    out << result.dump(4) << '\n';
    return 0;
}

int run_image_remove(const std::string& data_root, const std::vector<std::string>& names, bool force,
                     const FindImagesInUse& in_use, std::ostream& out) {
    const ImageStore store{data_root};
    std::optional<Error> first;
    for (const std::string& name : names) {
        try {
            print_removal(store.remove(name, in_use, force), out);
        } catch (Error& error) {
            if (force && error.kind() == ErrorKind::not_found) continue;
            if (!first) first = error.add_context(fmt::format("cannot remove image \"{}\"", name));
        }
    }
    if (first) throw Error{*first};
    return 0;
}

int run_image_tag(const std::string& data_root, const std::string& name, const std::string& new_reference) {
    ImageStore{data_root}.tag(name, new_reference);
    return 0;
}

}  // namespace stack::cli
