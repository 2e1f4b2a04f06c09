// The supervisor process: builds the objects, serves until nothing is left to supervise, and leaves so that no
// command can meet a socket that nobody will answer.
#include "manager/supervisor/supervise.hpp"

#include "manager/control/control_server.hpp"
#include "manager/engine/local_engine.hpp"
#include "manager/supervisor/control_api.hpp"
#include "manager/supervisor/supervisor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file_lock.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/keeper/keeper_client.hpp"
#include "runtime/protected_exe.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace stack::supervisor {

namespace {

constexpr std::chrono::milliseconds kFirstClient{3000};  // whoever started us is about to connect
constexpr std::chrono::milliseconds kLinger{150};        // `down` right after `stop` needs no new supervisor

struct Program {
    EventLoop& loop;
    const engine::Paths& paths;
    const std::string& project;
    engine::LocalEngine& engine;
    Supervisor& supervisor;
    control::ControlServer& server;
    Log log;
    std::exception_ptr fault;  ///< of a task that must not end: the keeper is gone
};

bool quiet(const Program& program) {
    return program.supervisor.idle() && program.server.busy() == 0 && !program.server.has_pending_client();
}

// Takes the lock that starters take, so that none of them sees the socket between our decision and its removal.
std::optional<FileLock> try_leave(const Program& program) {
    std::optional<FileLock> lock = FileLock::try_acquire(program.paths.lock_file(program.project));
    if (!lock || !quiet(program)) return std::nullopt;
    ::unlink(program.paths.control_socket(program.project).c_str());
    if (program.server.has_pending_client())
        return std::nullopt;  // came before the unlink: the socket still serves it
    return lock;
}

// Any instant is a legal one to end at; unwinding half of the tasks would be the harder way to be as safe.
[[noreturn]] void end_at_once(const Program& program) {
    try {
        std::rethrow_exception(program.fault);
    } catch (const std::exception& error) {
        program.log.error("supervisor ends: {}", error.what());
    }
    ::_exit(1);
}

Task<> serve_until_quiet(Program* program) {
    TimePoint not_before = Clock::now() + kFirstClient;
    bool had_client = false;
    for (;;) {
        if (program->fault) end_at_once(*program);
        if (!quiet(*program)) {
            had_client = had_client || program->server.busy() > 0;
            if (had_client)
                not_before =
                    Clock::now() + (program->supervisor.nothing_left() ? Clock::duration{} : kLinger);
        } else if (Clock::now() >= not_before) {
            co_return;
        }
        const TimePoint look_again =
            Clock::now() +
            (program->supervisor.idle() ? std::chrono::milliseconds{5} : std::chrono::milliseconds{1000});
        static_cast<void>(co_await program->supervisor.changed().wait_until(look_again));
    }
}

Task<> supervise(Program* program) {
    TaskGroup tasks{program->loop};
    // Without its keeper a supervisor can't learn of exits: it ends, and the next command starts a pair that adopts.
    tasks.on_error([program](std::exception_ptr error) {
        if (!program->fault) program->fault = error;
        program->supervisor.changed().notify_all();
    });
    program->supervisor.adopt();
    tasks.spawn(program->engine.run());
    tasks.spawn(program->supervisor.run_timers());
    tasks.spawn(program->server.serve());
    std::optional<FileLock> lock;
    while (!lock) {
        co_await serve_until_quiet(program);
        lock = try_leave(*program);
    }
    program->log.info("nothing left to supervise");
    program->server.stop();
    co_await program->supervisor.shut_down();
    tasks.cancel();
    std::exception_ptr ignored;
    try {
        co_await tasks.join();
    } catch (...) {
        ignored = std::current_exception();
    }
    if (program->supervisor.nothing_left()) {
        co_await program->engine.remove_hub();
        engine::remove_project_files(program->paths, program->project);
    }
    co_await program->engine.shut_down();
    program->engine.leave();
    // The lock's file goes last, while we hold it; whoever waits for it notices that it lost its name.
    ::unlink(program->paths.lock_file(program->project).c_str());
}

// A container costs about ten descriptors; the usual soft limit of 1024 is for programs that use select(2).
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_supervisor(const engine::Paths& paths, const std::string& project, bool verbose) {
    ::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    std::optional<KeeperClient> keeper = KeeperClient::from_environment();
    if (!keeper) throw Error{ErrorKind::invalid_input, "supervise is started by stack-keeper only"};
    make_directories(paths.containers(project));
    const Log log = Log::to_file(paths.supervisor_log(project), verbose ? LogLevel::debug : LogLevel::info);
    try {
        EventLoop loop;
        engine::LocalEngine engine{loop, paths, project, std::move(*keeper), log};
        UniqueFd listener = engine.take_control_socket();
        Supervisor supervisor{loop, paths, project, engine, log};
        control::ControlServer server{loop, std::move(listener), make_control_api(loop, supervisor), log};
        Program program{loop, paths, project, engine, supervisor, server, log, nullptr};
        loop.run(supervise(&program));
        return 0;
    } catch (const std::exception& error) {
        log.error("supervisor: {}", error.what());
        return 1;
    }
}

}  // namespace stack::supervisor
