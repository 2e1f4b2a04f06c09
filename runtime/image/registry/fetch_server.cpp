#include "runtime/image/registry/fetch_server.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/registry/fetch_protocol.hpp"
#include "runtime/image/registry/registry_client.hpp"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace stack::registry {

namespace {

struct FetchJob {
    FetchRequest request;
    UniqueFd file;
    TransferNotes notes;
};

class JobQueue {
  public:
    void push(FetchJob job) {
        {
            const std::lock_guard lock{mutex_};
            jobs_.push_back(std::move(job));
        }
        filled_.notify_one();
    }

    FetchJob pop() {
        std::unique_lock lock{mutex_};
        filled_.wait(lock, [&] { return !jobs_.empty(); });
        FetchJob job = std::move(jobs_.front());
        jobs_.pop_front();
        return job;
    }

  private:
    std::mutex mutex_;
    std::condition_variable filled_;
    std::deque<FetchJob> jobs_;
};

bool moves_a_blob(FetchOperation operation) {
    return operation == FetchOperation::get_blob || operation == FetchOperation::put_blob;
}

FetchedDocument perform(RegistryClient& client, FetchJob& job) {
    const FetchRequest& request = job.request;
    const int file = job.file.get();
    switch (request.operation) {
        case FetchOperation::head_manifest:
            return client.head_manifest(request.reference, job.notes);
        case FetchOperation::get_manifest:
            return client.get_manifest(request.reference, file, job.notes);
        case FetchOperation::get_blob:
            return client.get_blob(request, file, job.notes);
        case FetchOperation::put_blob:
            return client.put_blob(request, file, job.notes);
        case FetchOperation::put_manifest:
            return client.put_manifest(request, file, job.notes);
        case FetchOperation::ping:
            return client.ping(job.notes);
    }
    throw Error{ErrorKind::internal, "a fetch operation that nobody does"};
}

void work(SharedRegistry& shared, JobQueue& queue) {
    RegistryClient client{shared};
    for (;;) {
        FetchJob job = queue.pop();
        if (!job.notes.keep_going()) continue;  // cancelled while it waited
        try {
            job.notes.done(perform(client, job));
        } catch (const Error& error) {
            job.notes.failed(error);
        } catch (const std::exception& error) {
            job.notes.failed(Error{ErrorKind::internal, error.what()});
        }
    }
}

void take_request(ReceivedMessage message, JobQueue& documents, JobQueue& blobs) {
    if (message.fds.empty()) return;  // nobody to answer
    TransferNotes notes{std::move(message.fds.back())};
    message.fds.pop_back();
    try {
        FetchRequest request =
            decode_request({reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()});
        if (message.fds.size() + 1 != descriptor_count(request.operation))
            throw Error{ErrorKind::invalid_input, "a fetch request comes with the wrong descriptors"};
        UniqueFd file = message.fds.empty() ? UniqueFd{} : std::move(message.fds.front());
        JobQueue& queue = moves_a_blob(request.operation) ? blobs : documents;
        queue.push({std::move(request), std::move(file), std::move(notes)});
    } catch (const Error& error) {
        notes.failed(error);
    }
}

}  // namespace

void serve_fetches(FetcherPlan plan, int socket) {
    SharedRegistry shared{std::move(plan)};
    JobQueue documents, blobs;
    std::vector<std::thread> workers;  // end with the process
    workers.emplace_back([&] { work(shared, documents); });
    for (int i = 0; i < shared.plan.limits.blobs_at_once; ++i)
        workers.emplace_back([&] { work(shared, blobs); });
    for (;;) {
        ReceivedMessage message = receive_with_fds(socket, kMaxFetchRequest);
        if (message.bytes.empty()) ::_exit(0);
        take_request(std::move(message), documents, blobs);
    }
}

}  // namespace stack::registry
