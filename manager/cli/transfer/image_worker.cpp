#include "manager/cli/transfer/image_worker.hpp"

#include "runtime/image/error_event.hpp"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxEventBytes = 1u << 20;

std::optional<LayerState> layer_state(const std::string& word) {
    static const std::map<std::string, LayerState> states{{"waiting", LayerState::waiting},
                                                          {"downloading", LayerState::downloading},
                                                          {"downloaded", LayerState::downloaded},
                                                          {"unpacking", LayerState::unpacking},
                                                          {"done", LayerState::done},
                                                          {"present", LayerState::present},
                                                          {"uploading", LayerState::uploading},
                                                          {"mounted", LayerState::mounted}};
    const auto found = states.find(word);
    return found == states.end() ? std::nullopt : std::optional{found->second};
}

std::uint64_t bytes_of(const json& event, const char* key) {
    return event.value(key, std::uint64_t{0});
}

ImageResult result_of(const json& event) {
    ImageResult result{event.value("reference", ""), event.value("digest", ""), event.value("id", ""),
                       bytes_of(event, "size"),      bytes_of(event, "layers"), {},
                       event.value("changed", true)};
    for (const char* key : {"downloaded", "uploaded"})
        if (event.contains(key)) result.transferred = bytes_of(event, key);
    return result;
}

std::optional<WorkerEvent> event_of(const json& event) {
    const std::string kind = event.value("event", "");
    if (kind == "layer") {
        const std::optional<LayerState> state = layer_state(event.value("state", ""));
        if (!state) return std::nullopt;
        return LayerEvent{event.value("id", ""), *state, bytes_of(event, "done"), bytes_of(event, "total")};
    }
    if (kind == "progress")
        return CopyEvent{event.value("phase", ""), bytes_of(event, "done"), bytes_of(event, "total")};
    if (kind == "warning") return NoteEvent{event.value("message", ""), {}};
    if (kind == "retry")
        return NoteEvent{event.value("message", ""), std::chrono::seconds{event.value("in", 0)}};
    if (kind == "result") return result_of(event);
    if (kind == "error") return image::error_of_event(event);
    return std::nullopt;
}

}  // namespace

std::optional<WorkerEvent> parse_worker_event(std::string_view line) {
    try {
        return event_of(json::parse(line));
    } catch (const json::exception& error) {
        throw Error{ErrorKind::internal,
                    fmt::format("the image worker's answer is not understood: {}", error.what())};
    }
}

ImageWorker::ImageWorker(const WorkerStart& start) {
    Pipe pipe = make_pipe();
    SpawnOptions options;
    options.argv = start.argv;
    options.fds = {start.input, pipe.write.get(), STDERR_FILENO};
    if (start.output >= 0) options.fds.push_back(start.output);
    process_ = spawn(options);
    events_ = std::move(pipe.read);
}

ImageWorker::~ImageWorker() {
    if (!process_.valid()) return;
    try {
        process_.signal(SIGKILL);
        wait_for_exit(process_);
    } catch (const Error&) {  // nothing more can be done about it here
    }
}

std::vector<WorkerEvent> ImageWorker::receive() {
    std::vector<WorkerEvent> events;
    std::array<char, 16384> buffer;
    const ssize_t got = ::read(events_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return events;
    if (got < 0) throw_errno("read from the image worker");
    if (got == 0) {
        finished_ = true;
        return events;
    }
    pending_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
        std::optional<WorkerEvent> event =
            parse_worker_event(std::string_view{pending_}.substr(begin, end - begin));
        if (!event) continue;
        if (const auto* error = std::get_if<Error>(&*event))
            error_ = *error;
        else
            events.push_back(std::move(*event));
    }
    pending_.erase(0, begin);
    if (pending_.size() > kMaxEventBytes)
        throw Error{ErrorKind::internal, "the image worker's answer has no end"};
    return events;
}

void ImageWorker::signal(int number) const {
    process_.signal(number);
}

std::optional<Error> ImageWorker::conclude() {
    const int code = exit_code_of_status(wait_for_exit(process_));
    process_ = {};
    if (error_ || code == 0) return error_;
    if (code > 128)
        return Error{ErrorKind::failed, fmt::format("the image worker was ended by signal {}", code - 128)};
    return Error{ErrorKind::failed, fmt::format("the image worker ended with status {}", code)};
}

}  // namespace stack::cli
