// Variables of the environment that stand for flags, as Docker Compose has them: COMPOSE_ANSI, COMPOSE_PROGRESS,
// COMPOSE_PARALLEL_LIMIT and COMPOSE_REMOVE_ORPHANS. What the loader goes by (COMPOSE_FILE and the like) is
// compose/discovery.hpp.
#pragma once

namespace CLI {
class App;
}

namespace stack::cli {

/// To be called when the words are parsed: options of `app` that were not given take their variable's value. An empty
/// variable counts as none. Throws CLI::ParseError that names the variable for a value that the flag would not take.
void apply_settings(CLI::App& app);

}  // namespace stack::cli
