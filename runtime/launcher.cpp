#include "runtime/launcher.hpp"

#include "runtime/base/error.hpp"
#include "runtime/container_defaults.hpp"
#include "runtime/protected_exe.hpp"

namespace stack {

struct PendingProcess::State {};

namespace {
[[noreturn]] void not_yet() {
    throw Error{ErrorKind::not_supported, "not written yet"};
}
}  // namespace

PendingProcess::PendingProcess(std::unique_ptr<State> state) : state_{std::move(state)} {}
PendingProcess::PendingProcess(PendingProcess&&) noexcept = default;
PendingProcess& PendingProcess::operator=(PendingProcess&&) noexcept = default;
PendingProcess::~PendingProcess() = default;
pid_t PendingProcess::pid() const {
    not_yet();
}
const ProcessHandle& PendingProcess::handle() const {
    not_yet();
}
int PendingProcess::wait_fd() const {
    not_yet();
}
bool PendingProcess::at_gate() {
    not_yet();
}
std::optional<UniqueFd> PendingProcess::take_terminal() {
    not_yet();
}
void PendingProcess::release() {
    not_yet();
}
bool PendingProcess::started() {
    not_yet();
}
void PendingProcess::wait_for_gate() {
    not_yet();
}
void PendingProcess::wait_until_started() {
    not_yet();
}
std::vector<PendingProcess::StepTime> PendingProcess::step_times() const {
    not_yet();
}
PendingProcess begin_launch(const ContainerSpec&, const LaunchFds&, const LaunchOptions&, const HostFacts&) {
    not_yet();
}
PendingProcess begin_exec(const ExecTarget&, const ProcessSpec&, const LaunchFds&, const LaunchOptions&,
                          const HostFacts&) {
    not_yet();
}
int exec_failure_exit_code(const Error&) {
    return 125;
}
HostFacts probe_host_facts() {
    not_yet();
}
std::vector<std::string> default_capabilities() {
    not_yet();
}
std::vector<std::string> default_masked_paths() {
    not_yet();
}
std::vector<std::string> default_readonly_paths() {
    not_yet();
}
std::vector<NamespaceSpec> default_namespaces() {
    not_yet();
}
std::vector<std::string> resolve_capabilities(const std::vector<std::string>&,
                                              const std::vector<std::string>&,
                                              const std::vector<std::string>&, int) {
    not_yet();
}
CapabilitySets capability_sets(const std::vector<std::string>&) {
    not_yet();
}
UniqueFd protected_self_exe() {
    not_yet();
}
UniqueFd protected_program(const std::string&) {
    not_yet();
}
bool runs_protected() {
    not_yet();
}
void exec_protected(const std::vector<std::string>&) {
    not_yet();
}

}  // namespace stack
