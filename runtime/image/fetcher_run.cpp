#include "runtime/image/fetcher_run.hpp"

#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/image/interrupts.hpp"
#include "runtime/image/registry/fetcher_process.hpp"

#include <signal.h>
#include <sys/socket.h>

#include <exception>

namespace stack::image {

void with_fetcher(const registry::FetcherPlan& plan,
                  const std::function<void(const UniqueFd& socket)>& work) {
    watch_interrupts();
    SocketPair sockets = make_socket_pair(SOCK_SEQPACKET);
    const ProcessHandle fetcher = registry::start_fetcher(plan, sockets.b.get());
    sockets.b.reset();
    std::exception_ptr failure;
    {
        const KillOnInterrupt watch{fetcher};
        try {
            work(sockets.a);
        } catch (...) {
            failure = std::current_exception();
        }
    }
    fetcher.signal(SIGKILL);  // it holds nothing that could be lost
    wait_for_exit(fetcher);
    if (failure && interrupted())
        throw Error{ErrorKind::cancelled, "interrupted; what has been downloaded is kept"}.with_hint(
            "the same command goes on where it stopped");
    if (failure) std::rethrow_exception(failure);
}

}  // namespace stack::image
