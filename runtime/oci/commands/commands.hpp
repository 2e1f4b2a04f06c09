// One function a command; each returns the exit code and throws Error. Their flags stand in command_table.cpp.
#pragma once

#include "runtime/oci/flags.hpp"
#include "runtime/oci/program.hpp"

namespace stack::oci {

int run_create(Program& program, const Arguments& arguments);
int run_start(Program& program, const Arguments& arguments);
int run_run(Program& program, const Arguments& arguments);
int run_state(Program& program, const Arguments& arguments);
int run_kill(Program& program, const Arguments& arguments);
int run_delete(Program& program, const Arguments& arguments);
int run_exec(Program& program, const Arguments& arguments);
int run_ps(Program& program, const Arguments& arguments);
int run_list(Program& program, const Arguments& arguments);
int run_pause(Program& program, const Arguments& arguments);
int run_resume(Program& program, const Arguments& arguments);
int run_update(Program& program, const Arguments& arguments);
int run_events(Program& program, const Arguments& arguments);
int run_spec(Program& program, const Arguments& arguments);
int run_features(Program& program, const Arguments& arguments);
int run_checkpoint(Program& program, const Arguments& arguments);

}  // namespace stack::oci
