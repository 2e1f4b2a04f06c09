// What every command of stack-runtime works with: where containers are remembered, where messages go, and what the host
// has, looked up when first asked for.
#pragma once

#include "runtime/base/path_at.hpp"
#include "runtime/cgroup.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/oci/run_log.hpp"
#include "runtime/oci/state_store.hpp"
#include "runtime/systemd/units.hpp"

#include <optional>
#include <string>
#include <utility>

namespace stack::oci {

struct GlobalOptions {
    std::string own_name;     ///< argv[0]: /proc/self/exe of a protected file tells nothing
    std::string root;         ///< `--root`, or where it is without
    bool root_given = false;  ///< then it has to exist for `list`
    std::string log_file;
    RunLog::Format log_format = RunLog::Format::text;
    RunLog::Level log_level = RunLog::Level::warning;
    bool systemd_cgroup = false;
    bool cgroups = true;  ///< false: `--cgroup-manager disabled`
    /// `--rootless true`, or `auto` and not root: a container without limits can do without a cgroup that may not be made.
    bool rootless = false;
};

class Program {
  public:
    explicit Program(GlobalOptions options)
        : globals{std::move(options)},
          store{globals.root},
          log{globals.log_file, globals.log_format, globals.log_level} {}

    const GlobalOptions globals;
    const StateStore store;
    const RunLog log;

    const CgroupLayout& cgroups() {
        if (!cgroups_) cgroups_ = detect_cgroups(mountinfo());
        return *cgroups_;
    }
    /// Where stack-systemd is: beside this program, else in ../libexec/stack. Throws Error(not_supported).
    [[nodiscard]] systemd::Bus bus(bool user) const;
    const HostFacts& facts() {
        if (!facts_) facts_ = probe_host_facts({.overlay = false, .mountinfo = mountinfo()});
        return *facts_;
    }

  private:
    const std::string& mountinfo() {
        if (!mountinfo_) mountinfo_ = read_file("/proc/self/mountinfo");
        return *mountinfo_;
    }
    std::optional<std::string> mountinfo_;
    std::optional<CgroupLayout> cgroups_;
    std::optional<HostFacts> facts_;
};

}  // namespace stack::oci
