#include "runtime/image/import_command.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"
#include "runtime/image/json_fields.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/sandbox.hpp"
#include "runtime/image/sha256.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::image {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxEventLine = 16u << 20;

// An interrupt ends the sandboxed half; the outer half then cleans up and says so. Set once, before the handlers.
std::atomic<pid_t> inner_process = 0;
std::atomic<bool> interrupted = false;

void on_interrupt(int) {
    interrupted = true;
    if (inner_process > 0) ::kill(inner_process, SIGKILL);
}

void watch_interrupts(pid_t inner) {
    inner_process = inner;
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

struct Source {
    UniqueFd file;       ///< a file, a pipe or standard input
    std::string folder;  ///< or a folder
};

Source open_source(const std::string& path) {
    Source source;
    if (path == "-") {
        source.file.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!source.file.valid()) throw_errno("use standard input");
        return source;
    }
    source.file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (!source.file.valid() || ::fstat(source.file.get(), &info) != 0)
        throw_errno(fmt::format("open '{}'", path));
    if (S_ISDIR(info.st_mode)) {
        source.folder = path;
        source.file.reset();
    } else if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode)) {
        throw Error{ErrorKind::invalid_input, fmt::format("'{}' is neither a file nor a folder", path)};
    }
    return source;
}

// SOURCE_DATE_EPOCH makes images reproducible (reproducible-builds.org).
std::string creation_time() {
    auto time = std::chrono::system_clock::now();
    if (const char* epoch = ::getenv("SOURCE_DATE_EPOCH")) {
        const auto seconds = parse_int(epoch);
        if (!seconds || *seconds < 0)
            throw Error{ErrorKind::invalid_input, "SOURCE_DATE_EPOCH is not a number of seconds"};
        time = std::chrono::system_clock::time_point{std::chrono::seconds{*seconds}};
    }
    return format_time(time);
}

ImportRequest request_for(const ImportCommand& command) {
    const ImageReference reference = ImageReference::parse(command.name);
    if (!reference.digest.empty())
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' has a digest; a name to give has none", command.name)};
    ImportRequest request;
    request.full_name = reference.full();
    request.select = command.select;
    request.flags = command.flags;
    request.created = creation_time();
    try {
        const std::optional<Image> previous = ImageStore{command.data_root}.find(request.full_name);
        if (previous && previous->config.diff_ids.size() == 1) {
            request.previous_diff_id = previous->config.diff_ids.front();
            request.previous_created = previous->config.created;
        }
    } catch (const Error&) {  // a damaged image is about to be replaced
    }
    return request;
}

int run_inner(const ImportRequest& request, const Source& source, const std::string& source_name,
              int event_fd) {
    EventWriter events{event_fd};
    try {
        const UniqueFd staging = open_directory(kInnerStaging);
        const UniqueFd layers = open_directory(kInnerLayers);
        const UniqueFd folder = source.folder.empty() ? UniqueFd{} : open_directory(kInnerSource);
        ImportPlaces places{staging.get(), layers.get(), folder.get(), source.file.get(), source_name};
        ImportEvents sinks;
        sinks.progress = [&](const std::string& phase, std::uint64_t done, std::uint64_t total) {
            events.progress(phase, done, total);
        };
        sinks.warning = [&](const std::string& sentence) { events.warning(sentence); };
        events.write(staged_event(import_image(request, places, sinks)));
        return 0;
    } catch (const Error& error) {
        events.error(error);
    } catch (const std::bad_alloc&) {
        events.error(Error{ErrorKind::failed, "the image needs more memory than the worker may use"});
    } catch (const std::exception& error) {
        events.error(Error{ErrorKind::internal, error.what()});
    }
    return 1;
}

// Calls `each` for every line until the other end closes.
void for_each_line(int fd, const std::function<void(std::string_view)>& each) {
    std::string pending;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_errno("read from the image worker");
        if (got == 0) return;
        pending.append(buffer.data(), static_cast<std::size_t>(got));
        if (pending.size() > kMaxEventLine)
            throw Error{ErrorKind::internal, "the image worker's answer is too long"};
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
            each(std::string_view{pending}.substr(0, end));
    }
}

// What the sandboxed half said, passed on or kept.
class Conversation {
  public:
    Conversation(EventWriter& events, const std::string& full_name)
        : events_{events}, full_name_{full_name} {}

    void hear(std::string_view line) {
        const json event = json_fields::parse_object(line, "the image worker's answer", kMaxEventLine);
        const std::string kind = json_fields::string(event, "event");
        if (kind == "progress") {
            events_.progress(json_fields::string(event, "phase"), number(event, "done"),
                             number(event, "total"));
        } else if (kind == "warning") {
            events_.warning(json_fields::string(event, "message"));
        } else if (kind == "staged") {
            staged_ = staged_image_of(event, full_name_);
        } else if (kind == "error") {
            error_ = error_of_event(event);
        }
    }

    /// The prepared image, or the reason why there is none.
    StagedImage conclude(int wait_status) {
        if (interrupted) throw Error{ErrorKind::cancelled, "interrupted; the store is as it was"};
        if (error_) throw *error_;
        if (WIFSIGNALED(wait_status))
            throw Error{ErrorKind::failed,
                        fmt::format("the image worker was killed by signal {}", WTERMSIG(wait_status))};
        if (!staged_) throw Error{ErrorKind::internal, "the image worker ended without an answer"};
        return std::move(*staged_);
    }

  private:
    static std::uint64_t number(const json& event, std::string_view key) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(json_fields::integer(event, key), 0));
    }

    EventWriter& events_;
    const std::string& full_name_;
    std::optional<StagedImage> staged_;
    std::optional<Error> error_;
};

StagedImage stage_in_sandbox(const ImportCommand& command, const ImportRequest& request,
                             const ImportSession& session, const StorePaths& paths, EventWriter& events) {
    const Source source = open_source(command.source);
    // Loaded while the file system is still whole: locale data, OpenSSL's configuration.
    prepare_archive_locale();
    static_cast<void>(sha256_digest({}));
    Pipe pipe = make_pipe();
    SandboxPlan plan{session.folder(), paths.layers, source.folder, {pipe.write.get(), session.lock_fd()}};
    if (source.file.valid()) plan.keep_fds.push_back(source.file.get());
    const ProcessHandle inner =
        start_sandboxed(plan, [&] { return run_inner(request, source, command.source, pipe.write.get()); });
    watch_interrupts(inner.pid());
    pipe.write.reset();
    Conversation conversation{events, request.full_name};
    try {
        for_each_line(pipe.read.get(), [&](std::string_view line) { conversation.hear(line); });
    } catch (...) {
        inner.signal(SIGKILL);
        wait_for_exit(inner);
        throw;
    }
    const int status = wait_for_exit(inner);
    inner_process = 0;
    return conversation.conclude(status);
}

}  // namespace

void run_import_command(const ImportCommand& command, EventWriter& events) {
    const StorePaths paths{command.data_root};
    const ImportRequest request = request_for(command);
    ImportSession session = ImportSession::begin(paths);
    const StagedImage staged = stage_in_sandbox(command, request, session, paths, events);
    const bool changed = session.publish(staged);
    const Image image = ImageStore{command.data_root}.get(request.full_name);
    events.write({{"event", "result"},
                  {"reference", image.reference},
                  {"digest", image.digest},
                  {"id", image.id},
                  {"size", image.size},
                  {"layers", image.layer_ids.size()},
                  {"changed", changed}});
}

}  // namespace stack::image
