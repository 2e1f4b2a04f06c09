// Where things are: the two roots, what lies below them, and the programs that belong to `stack`. Values
// only.
#pragma once

#include <string>
#include <vector>

namespace stack::engine {

struct Paths {
    std::string data_root;     ///< survives reboots: /var/lib/stack, ~/.local/share/stack, or --root
    std::string run_root;      ///< gone at reboot: /run/stack, $XDG_RUNTIME_DIR/stack, or --run-root
    std::string stack;         ///< this program's own file
    std::string keeper;        ///< stack-keeper
    std::string init;          ///< stack-init
    std::string image_worker;  ///< stack-image
    std::string systemd{};     ///< stack-systemd

    /// Where device drivers describe their devices (CDI), the last one first: STACK_CDI_DIRS, else /etc/cdi and /var/run/cdi.
    std::vector<std::string> cdi_directories{};

    [[nodiscard]] std::string projects() const { return data_root + "/projects"; }
    [[nodiscard]] std::string project(const std::string& name) const { return projects() + "/" + name; }
    [[nodiscard]] std::string project_record(const std::string& name) const {
        return project(name) + "/project.json";
    }
    [[nodiscard]] std::string exit_journal(const std::string& name) const {
        return project(name) + "/exits.journal";
    }
    [[nodiscard]] std::string containers(const std::string& name) const {
        return project(name) + "/containers";
    }
    [[nodiscard]] std::string volumes() const { return data_root + "/volumes"; }
    [[nodiscard]] std::string volume_lock() const { return data_root + "/volumes.lock"; }
    [[nodiscard]] std::string networks() const { return data_root + "/networks"; }
    [[nodiscard]] std::string run(const std::string& project_name) const {
        return run_root + "/" + project_name;
    }
    [[nodiscard]] std::string control_socket(const std::string& name) const {
        return run(name) + "/control.sock";
    }
    [[nodiscard]] std::string lock_file(const std::string& name) const {
        return run_root + "/" + name + ".lock";
    }
    [[nodiscard]] std::string supervisor_log(const std::string& name) const {
        return project(name) + "/supervisor.log";
    }
};

/// Roots from the arguments, else from STACK_ROOT and STACK_RUN_ROOT, else by user; programs beside this
/// executable or in ../libexec/stack. Roots come back absolute and without a trailing slash.
Paths find_paths(const std::string& root_argument, const std::string& run_root_argument);

}  // namespace stack::engine
