#include "manager/cli/event_stream.hpp"

#include <set>

namespace stack::cli {

namespace {

control::ContainerEvent event_of(const control::ContainerSummary& container, const char* action) {
    control::ContainerEvent event;
    event.action = action;
    event.container = container.name;
    event.id = container.id;
    event.service = container.service;
    event.number = container.number;
    event.exit_code = container.exit_code;
    event.health = container.health;
    event.restarting = container.status == "restarting";
    return event;
}

bool runs(const control::ContainerSummary& container) {
    return container.status == "running" || container.status == "paused";
}

}  // namespace

bool EventStream::lives(const control::ContainerSummary& container) {
    return runs(container) || container.status == "restarting";
}

bool EventStream::connect() {
    if (connection_) return true;
    std::optional<control::ControlConnection> connection = control::ControlConnection::connect(socket_path_);
    if (!connection) return false;
    try {
        connection->send_request("GET", "/v1/events");
    } catch (const Error&) {  // it left between the two calls
        return false;
    }
    connection_ = std::move(connection);
    synchronised_ = false;
    return true;
}

std::vector<control::ContainerEvent> EventStream::receive() {
    std::vector<control::ContainerEvent> events;
    if (!connection_) return events;
    const bool more = connection_->receive();
    while (const std::optional<std::string> line = connection_->take_line()) {
        const control::Event event = control::parse_event(*line);
        if (const auto* snapshot = std::get_if<control::SnapshotEvent>(&event)) {
            apply(*snapshot, events);
            synchronised_ = true;
        } else {
            apply(std::get<control::ContainerEvent>(event));
            events.push_back(std::get<control::ContainerEvent>(event));
        }
    }
    if (!more) connection_.reset();
    return events;
}

std::vector<control::ContainerEvent> EventStream::take_snapshot(const control::SnapshotEvent& snapshot) {
    std::vector<control::ContainerEvent> events;
    apply(snapshot, events);
    return events;
}

void EventStream::apply(const control::SnapshotEvent& snapshot,
                        std::vector<control::ContainerEvent>& events) {
    std::set<std::string> present;
    for (const control::ContainerSummary& now : snapshot.containers) {
        present.insert(now.id);
        const auto before = containers_.find(now.id);
        const bool ran = before != containers_.end() && runs(before->second);
        if (before == containers_.end()) events.push_back(event_of(now, "create"));
        if (runs(now) && !ran) events.push_back(event_of(now, "start"));
        if (ran && !runs(now)) events.push_back(event_of(now, "die"));
        containers_[now.id] = now;
    }
    for (auto it = containers_.begin(); it != containers_.end();) {
        if (present.contains(it->first)) {
            ++it;
            continue;
        }
        if (runs(it->second)) events.push_back(event_of(it->second, "die"));
        events.push_back(event_of(it->second, "destroy"));
        it = containers_.erase(it);
    }
}

void EventStream::apply(const control::ContainerEvent& event) {
    if (event.action == "destroy") {
        containers_.erase(event.id);
        return;
    }
    control::ContainerSummary& container = containers_[event.id];
    container.id = event.id;
    container.name = event.container;
    container.service = event.service;
    container.number = event.number;
    if (container.status.empty()) container.status = "created";
    if (event.action == "start") container.status = "running";
    if (event.action == "die") {
        container.status = event.restarting ? "restarting" : "exited";
        container.exit_code = event.exit_code;
    }
    if (!event.health.empty()) container.health = event.health;
}

}  // namespace stack::cli
