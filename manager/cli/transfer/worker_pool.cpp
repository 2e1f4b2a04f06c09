#include "manager/cli/transfer/worker_pool.hpp"

#include "manager/cli/signal_source.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <utility>

namespace stack::cli {

namespace {

class WorkerPool {
  public:
    WorkerPool(const std::vector<WorkerJob>& jobs, TransferDisplay& display, std::size_t at_once)
        : jobs_{jobs}, display_{display}, at_once_{at_once} {
        result_.outcomes.resize(jobs.size());
    }

    PoolResult run() {
        for (;;) {
            while (running_.size() < at_once_ && next_ < jobs_.size() && !result_.signal) start(next_++);
            if (running_.empty()) break;
            wait();
            display_.tick();
        }
        display_.finish();
        return std::move(result_);
    }

  private:
    void start(std::size_t index) {
        running_.emplace(index, ImageWorker{jobs_[index].start});
        display_.start(index);
    }

    void wait() {
        std::vector<::pollfd> fds{{signals_.fd(), POLLIN, 0}};
        std::vector<std::size_t> indexes;
        indexes.reserve(running_.size());
        for (const auto& [index, worker] : running_) {
            fds.push_back({worker.fd(), POLLIN, 0});
            indexes.push_back(index);
        }
        const auto tick = display_.tick_interval();
        if (::poll(fds.data(), fds.size(), tick.count() > 0 ? static_cast<int>(tick.count()) : -1) < 0 &&
            errno != EINTR)
            throw_errno("wait for the image worker");
        while (const std::optional<int> signal = signals_.next())
            if (*signal != SIGWINCH) interrupt(*signal);
        for (std::size_t i = 0; i < indexes.size(); ++i)
            if (fds[i + 1].revents != 0) listen(indexes[i]);
    }

    void interrupt(int signal) {
        for (const auto& [index, worker] : running_) worker.signal(result_.signal ? SIGKILL : signal);
        if (!result_.signal) result_.signal = signal;
    }

    void listen(std::size_t index) {
        ImageWorker& worker = running_.at(index);
        for (WorkerEvent& event : worker.receive()) {
            display_.hear(index, event);
            if (auto* image = std::get_if<ImageResult>(&event))
                result_.outcomes[index].results.push_back(std::move(*image));
        }
        if (worker.finished()) conclude(index);
    }

    void conclude(std::size_t index) {
        JobOutcome& outcome = result_.outcomes[index];
        outcome.error = running_.at(index).conclude();
        running_.erase(index);
        if (!outcome.error) {
            display_.end(index, TransferRow::State::done);
            return;
        }
        outcome.error->add_context(jobs_[index].purpose);
        display_.end(index, result_.signal ? TransferRow::State::interrupted : TransferRow::State::failed);
    }

    const std::vector<WorkerJob>& jobs_;
    TransferDisplay& display_;
    std::size_t at_once_, next_ = 0;
    std::map<std::size_t, ImageWorker> running_;
    PoolResult result_;
    SignalSource signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
};

}  // namespace

bool PoolResult::failed() const {
    return signal.has_value() || std::any_of(outcomes.begin(), outcomes.end(),
                                             [](const JobOutcome& o) { return o.error.has_value(); });
}

PoolResult run_workers(const std::vector<WorkerJob>& jobs, TransferDisplay& display, std::size_t at_once) {
    return WorkerPool{jobs, display, at_once}.run();
}

}  // namespace stack::cli
