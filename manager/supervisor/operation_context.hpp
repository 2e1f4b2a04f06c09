// What the files of the supervisor's operations share (operations.cpp, carry_out.cpp, waiting.cpp).
#pragma once

#include "manager/engine/executor.hpp"
#include "manager/supervisor/supervisor.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stack::supervisor {

/// What belongs to one operation while it runs.
struct Supervisor::OperationContext {
    EventSink sink;
    std::shared_ptr<const compose::Project> project;  ///< may be null
    engine::PlanExecution* execution = nullptr;
    std::set<std::string> replaced;  ///< ids whose anonymous volumes go to a successor
    std::map<std::string, std::map<std::string, std::string>> inherited;  ///< old id -> target -> volume
    int parallel = 0;                                                     ///< as in the requests
    bool interrupted = false;
};

inline control::ResultEvent success() {
    control::ResultEvent result;
    result.ok = true;
    return result;
}

/// The exit code is that of the gravest error.
control::ResultEvent failure(std::vector<Error> errors);

/// What was thrown, as an Error.
Error as_error(const std::exception_ptr& thrown);

}  // namespace stack::supervisor
