#include "tests/support/fake_engine.hpp"

#include "manager/engine/volume_store.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

namespace stack::test {

void FakeEngine::finish(const std::string& id, int exit_code) {
    if (running_.erase(id) == 0) return;
    engine::ContainerExit exit;
    exit.id = id;
    exit.exit_code = exit_code;
    loop_.post([this, exit] { on_container_exit(exit); });
}

void FakeEngine::end(const std::string& name, int exit_code) {
    for (const auto& [id, record] : running_) {
        if (record.name != name) continue;
        const std::string ended = id;
        finish(ended, exit_code);
        return;
    }
}

bool FakeEngine::runs(const std::string& name) const {
    return std::any_of(running_.begin(), running_.end(),
                       [&](const auto& entry) { return entry.second.name == name; });
}

std::size_t FakeEngine::launches(const std::string& name) const {
    return static_cast<std::size_t>(std::count(journal.begin(), journal.end(), "launch " + name));
}

std::size_t FakeEngine::position(const std::string& entry) const {
    return static_cast<std::size_t>(std::find(journal.begin(), journal.end(), entry) - journal.begin());
}

Task<std::vector<Error>> FakeEngine::check(std::vector<engine::CreateRequest>,
                                           std::vector<engine::ContainerRecord>) {
    co_return check_errors;
}

Task<> FakeEngine::create_network(compose::Network network, std::string config_hash) {
    journal.push_back("network " + network.name);
    auto notes = engine::load_network_notes(paths_, project_);
    notes[network.name] = {network.key, std::move(config_hash)};
    engine::save_network_notes(paths_, project_, notes);
    co_return;
}

Task<> FakeEngine::remove_network(std::string name) {
    journal.push_back("remove network " + name);
    auto notes = engine::load_network_notes(paths_, project_);
    notes.erase(name);
    engine::save_network_notes(paths_, project_, notes);
    co_return;
}

Task<> FakeEngine::create_volume(compose::Volume volume) {
    engine::VolumeRecord record;
    record.name = volume.name;
    record.project = project_;
    engine::create_volume(paths_, record);
    co_return;
}

Task<> FakeEngine::remove_volume(std::string name) {
    engine::remove_volume(paths_, name);
    co_return;
}

Task<> FakeEngine::remove_hub() {
    journal.push_back("remove hub");
    co_return;
}

Task<engine::ContainerRecord> FakeEngine::create_container(engine::CreateRequest request) {
    engine::ContainerRecord record;
    record.id = random_hex(32);
    record.name = request.name;
    record.project = project_;
    record.service_name = request.service.name;
    record.number = request.number;
    record.service = request.service;
    record.image_reference = request.service.image;
    record.config_hash = request.config_hash;
    for (const auto& [key, attachment] : request.service.networks) {
        network::EndpointSpec seat;
        seat.network = request.project->networks.at(key).name;
        record.endpoints.push_back(seat);
    }
    engine::save_record(paths_, record);
    journal.push_back("create " + record.name);
    names_[record.id] = record.name;
    co_return record;
}

Task<> FakeEngine::remove_container(engine::ContainerRecord record, bool) {
    journal.push_back("remove " + record.name);
    co_await sleep_for(std::chrono::microseconds{10});
    engine::remove_container_files(paths_, record.project, record.id);
}

Task<engine::LaunchOutcome> FakeEngine::launch(engine::ContainerRecord record,
                                               std::function<void(const engine::LaunchOutcome&)> at_gate) {
    co_await sleep_for(std::chrono::microseconds{50});
    if (cannot_launch.contains(record.service_name))
        throw Error{ErrorKind::not_found, "exec: \"missing\": no such file or directory in the image"};
    engine::LaunchOutcome outcome;
    outcome.pid = ::getpid();  // records are believed only while their process lives: ours does
    outcome.start_time = process_start_time(outcome.pid).value_or(0);
    at_gate(outcome);
    journal.push_back("launch " + record.name);
    running_[record.id] = record;
    const std::string id = record.id;
    if (exits_at_once.contains(record.service_name)) {
        const int code = exit_codes.contains(record.service_name) ? exit_codes.at(record.service_name) : 0;
        loop_.post([this, id, code] { finish(id, code); });
    }
    co_return outcome;
}

bool FakeEngine::adopt(const engine::ContainerRecord& record, const engine::ContainerState&) {
    running_[record.id] = record;
    names_[record.id] = record.name;
    return true;
}

void FakeEngine::release(const std::string&) {}

void FakeEngine::signal(const std::string& id, int number) {
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    journal.push_back(fmt::format("signal {} {}", found->second.name, number));
    if (number == SIGKILL || !ignores_term.contains(found->second.service_name)) finish(id, 128 + number);
}

void FakeEngine::kill_all(const std::string& id) {
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    journal.push_back("kill " + found->second.name);
    finish(id, 137);
}

void FakeEngine::publish_names(const std::string&, bool) {}

ImageConfig FakeEngine::image_config(const engine::ContainerRecord&) {
    return {};
}

Task<engine::ExecStarted> FakeEngine::exec(std::string id, engine::ExecRequest) {
    co_await sleep_for(std::chrono::microseconds{20});
    engine::ExecStarted started;
    started.pid = next_pid_++;
    const auto found = running_.find(id);
    const std::string service = found == running_.end() ? "" : found->second.service_name;
    const int code = probe_codes.contains(service) ? probe_codes.at(service) : 0;
    loop_.post([this, pid = started.pid, code] { on_exec_exit(pid, code); });
    co_return started;
}

void FakeEngine::signal_exec(pid_t, int) {}

}  // namespace stack::test
