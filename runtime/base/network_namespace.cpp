#include "runtime/base/network_namespace.hpp"

#include "runtime/base/error.hpp"

#include <fcntl.h>
#include <sched.h>

#include <exception>
#include <thread>

namespace stack {

UniqueFd current_network_namespace() {
    UniqueFd fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    if (!fd.valid()) throw_errno("open own network namespace");
    return fd;
}

// A namespace belongs to a thread: whatever fails inside, the caller's is untouched.
void on_own_thread(const std::function<void()>& work) {
    std::exception_ptr failure;
    std::thread thread{[&] {
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
    }};
    thread.join();
    if (failure) std::rethrow_exception(failure);
}

void in_network_namespace(int netns, const std::function<void()>& work) {
    on_own_thread([&] {
        if (::setns(netns, CLONE_NEWNET) != 0) throw_errno("enter network namespace");
        work();
    });
}

}  // namespace stack
