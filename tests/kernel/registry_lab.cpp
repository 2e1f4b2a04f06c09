#include "tests/kernel/registry_lab.hpp"

#include "runtime/image/registry/fetcher_process.hpp"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::test {

using namespace std::chrono_literals;

registry::FetcherPlan quick_plan(const std::string& registry, const std::string& repository,
                                 const registry::EndpointRules& rules) {
    registry::FetcherPlan plan;
    plan.registry = registry;
    plan.endpoints = registry::endpoints_of(registry, repository, rules);
    plan.limits.silence = 5s;
    plan.limits.first_delay = 1ms;
    return plan;
}

FetcherRun::FetcherRun(const registry::FetcherPlan& plan) {
    SocketPair pair = make_socket_pair(SOCK_SEQPACKET);
    process_ = registry::start_fetcher(plan, pair.b.get());
    fetcher_.emplace(std::move(pair.a));
}

FetcherRun::~FetcherRun() {
    fetcher_.reset();
    EXPECT_EQ(exit_code_of_status(wait_for_exit(process_)), 0);
}

ScratchFile::ScratchFile(const std::string& content) : fd_{::memfd_create("scratch", MFD_CLOEXEC)} {
    if (!fd_.valid()) throw_errno("make a scratch file");
    write_all(fd_.get(), content, "a scratch file");
}

std::string ScratchFile::content() const {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) throw_errno("look at a scratch file");
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    if (::pread(fd_.get(), text.data(), text.size(), 0) != info.st_size) throw_errno("read a scratch file");
    return text;
}

std::string TransferStory::failure() const {
    return error ? fmt::format("{} | {}", error->what(), error->hint()) : std::string{};
}

TransferStory story_of(registry::Transfer transfer) {
    TransferStory story;
    try {
        while (const auto note = transfer.next()) {
            if (note->kind == registry::NoteKind::progress) story.progress.push_back(note->bytes);
            if (note->kind == registry::NoteKind::retry) story.retries.push_back(note->message);
            if (note->kind == registry::NoteKind::done) story.document = note->document;
        }
    } catch (const Error& error) {
        story.error = error;
    }
    return story;
}

}  // namespace stack::test
