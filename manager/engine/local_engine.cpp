#include "manager/engine/local_engine.hpp"

#include "manager/engine/cgroup_parents.hpp"
#include "manager/engine/container_setup.hpp"
#include "manager/engine/id_leases.hpp"
#include "manager/engine/project_network.hpp"
#include "manager/engine/project_scope.hpp"
#include "manager/engine/running_containers.hpp"
#include "manager/engine/security_profiles.hpp"
#include "manager/engine/shared_namespaces.hpp"
#include "manager/engine/volume_store.hpp"
#include "manager/plan/image_defaults.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/trace.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/image/image_store.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace stack::engine {

struct LocalEngine::Impl {
    Impl(LocalEngine& engine, EventLoop& event_loop, Paths the_paths, std::string project_name,
         KeeperClient client, Log the_log)
        : loop{event_loop},
          paths{std::move(the_paths)},
          project{std::move(project_name)},
          cgroup{own_project_cgroup(project)},
          keeper{std::move(client)},
          log{the_log},
          images{paths.data_root},
          facts{probe_host_facts()},
          network{event_loop,
                  paths,
                  project,
                  keeper,
                  the_log,
                  [&engine](std::string note) {
                      if (engine.on_note) engine.on_note(std::move(note));
                  }},
          running{event_loop,
                  paths,
                  keeper,
                  facts,
                  the_log,
                  {[&engine](ContainerExit exit) {
                       if (engine.on_container_exit) engine.on_container_exit(std::move(exit));
                   },
                   [&engine](pid_t pid, int exit_code) {
                       if (engine.on_exec_exit) engine.on_exec_exit(pid, exit_code);
                   },
                   [&engine](std::string note) {
                       if (engine.on_note) engine.on_note(std::move(note));
                   }}} {}

    EventLoop& loop;
    const Paths paths;
    const std::string project;
    const std::string cgroup;
    KeeperClient keeper;
    Log log;
    const ImageStore images;
    const HostFacts facts;
    ProjectNetwork network;
    RunningContainers running;
    std::vector<KeeperClient::Held> inherited;
    std::vector<ExitRecord> early_exits;
    std::map<std::string, Image> image_cache;  // by digest

    ContainerSpec spec_of(const ContainerRecord& record, const Image& image) const {
        std::vector<ContainerRecord> others;
        if (shares_network(record.service))
            for (StoredContainer& entry : load_project_state(paths, project).containers)
                others.push_back(std::move(entry.record));
        return make_spec(paths, record, network_owner(record, others), image, facts.bounding_capabilities);
    }

    const Image& image_of(const std::string& digest) {
        auto found = image_cache.find(digest);
        if (found == image_cache.end()) found = image_cache.emplace(digest, images.get(digest)).first;
        return found->second;
    }
};

LocalEngine::LocalEngine(EventLoop& loop, Paths paths, std::string project, KeeperClient keeper, Log log)
    : impl_{std::make_unique<Impl>(*this, loop, std::move(paths), std::move(project), std::move(keeper),
                                   std::move(log))} {
    KeeperClient::Inheritance inheritance = impl_->keeper.receive_inheritance();
    impl_->inherited = std::move(inheritance.held);
    impl_->early_exits = std::move(inheritance.exits);
}

LocalEngine::~LocalEngine() = default;

UniqueFd LocalEngine::take_control_socket() {
    for (KeeperClient::Held& entry : impl_->inherited)
        if (entry.name == "control") return std::move(entry.fds.at(0));
    throw Error{ErrorKind::internal, "the keeper holds no control socket"};
}

Task<> LocalEngine::run() {
    // Whoever was not adopted is of no use any more: containers that ended, hubs that are found by their pins.
    for (const KeeperClient::Held& entry : impl_->inherited)
        if (!entry.name.empty() && entry.name != "control" && entry.name != "hub")
            impl_->keeper.drop(entry.name);
    impl_->inherited.clear();
    for (const ExitRecord& exit : impl_->early_exits) impl_->running.on_exit_record(exit);
    impl_->early_exits.clear();
    AsyncFd news{impl_->loop, duplicate_fd(impl_->keeper.fd())};
    for (;;) {
        while (const std::optional<ExitRecord> exit = impl_->keeper.try_receive())
            impl_->running.on_exit_record(*exit);
        co_await news.readable();
    }
}

Task<> LocalEngine::shut_down() {
    co_await impl_->running.stop();
    co_await impl_->network.stop();
}

void LocalEngine::leave() {
    impl_->keeper.quit();
}

// ---- before anything is changed -------------------------------------------------------------------------------

Task<std::vector<Error>> LocalEngine::check(std::vector<CreateRequest> to_create,
                                            std::vector<ContainerRecord> to_start) {
    const TraceSpan span{"engine.check"};
    std::vector<Error> errors;
    std::set<std::string> services;
    for (const CreateRequest& request : to_create) {
        const compose::Service& service = request.service;
        const bool first = services.insert(service.name).second;
        if (first) {
            try {
                const std::optional<Image> image = impl_->images.find(service.image);
                if (!image) static_cast<void>(impl_->images.get(service.image));
                if (std::optional<std::string> note = security_note(service); note && on_note)
                    on_note(std::move(*note));
                for (Error& error : check_container(impl_->paths, *request.project, service, *image))
                    errors.push_back(std::move(error));
            } catch (Error& error) {
                const auto key = service.positions.find("image");
                const compose::Position& where =
                    key == service.positions.end() ? service.position : key->second;
                errors.push_back(error.at(SourcePosition{where.file, where.line, where.column})
                                     .add_context(fmt::format("service \"{}\"", service.name)));
            }
        }
        for (Error& error : impl_->network.reserve(service, nullptr)) errors.push_back(std::move(error));
    }
    for (const ContainerRecord& record : to_start)
        for (Error& error : impl_->network.reserve(record.service, &record))
            errors.push_back(std::move(error));
    if (!errors.empty()) impl_->network.drop_reservations();
    co_return errors;
}

void LocalEngine::end_operation() {
    impl_->network.drop_reservations();
    impl_->image_cache.clear();
}

// ---- networks and volumes -------------------------------------------------------------------------------------

Task<> LocalEngine::create_network(compose::Network network, std::string config_hash) {
    co_await impl_->network.create(std::move(network), std::move(config_hash));
}

Task<> LocalEngine::remove_network(std::string name) {
    co_await impl_->network.remove(std::move(name));
}

Task<> LocalEngine::create_volume(compose::Volume volume) {
    VolumeRecord record;
    record.name = volume.name;
    record.key = volume.key;
    record.project = impl_->project;
    record.labels = volume.labels;
    stack::engine::create_volume(impl_->paths, record);
    co_return;
}

Task<> LocalEngine::remove_volume(std::string name) {
    auto work = [this, &name] { stack::engine::remove_volume(impl_->paths, name); };
    std::function<void()> job = work;
    co_await run_blocking(impl_->loop, std::move(job));
}

Task<> LocalEngine::remove_hub() {
    co_await impl_->network.remove_hub();
}

// ---- containers -----------------------------------------------------------------------------------------------

Task<ContainerRecord> LocalEngine::create_container(CreateRequest request) {
    const TraceSpan span{"engine.create", request.name};
    Impl& impl = *impl_;
    const FileLock hold = impl.images.hold();
    const FileLock volumes = hold_volumes(impl.paths);
    const Image image = impl.images.get(request.service.image);
    impl.images.mark_used(image.digest);
    ContainerRecord record;
    record.id = random_hex(32);
    record.name = request.name;
    record.project = impl.project;
    record.service_name = request.service.name;
    record.number = request.number;
    record.service = request.service;
    record.image_reference = request.service.image;
    record.image_digest = image.digest;
    record.config_hash = request.config_hash;
    CgroupPlace place = cgroup_place(record.service.cgroup_parent, impl.cgroup, record.id);
    record.cgroup_parent = std::move(place.parent);
    record.cgroup_scope = std::move(place.scope);
    record.created_ns = wall_clock_ns();
    record.command = plan::effective_argv(request.service, image.config);
    record.labels = container_labels(*request.project, record);
    record.endpoints = wanted_seats(*request.project, request.service, record);
    save_record(impl.paths, record);  // before anything that it describes
    std::exception_ptr failure;
    try {
        std::vector<network::EndpointSpec> seats = record.endpoints;
        record.endpoints = co_await impl.network.allocate(record.id, std::move(seats));
        if (request.service.user_namespace_ids > 0)
            record.ids =
                lease_ids(impl.paths, {record.project, record.id}, request.service.user_namespace_ids);
        const std::string gateway = impl.network.host_gateway();
        const std::string directory = container_directory(impl.paths, record.project, record.id);
        auto work = [&impl, &request, &image, &record, &gateway, &directory] {
            make_writable_layer(directory, image, record.ids);
            prepare_mounts(impl.paths, request, image, record);
            fill_volumes(record, image);
            write_network_files(impl.paths, record, gateway);
            save_record(impl.paths, record);
        };
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        co_await remove_container(record, false);
        std::rethrow_exception(failure);
    }
    co_return record;
}

Task<> LocalEngine::remove_container(ContainerRecord record, bool keep_anonymous_volumes) {
    Impl& impl = *impl_;
    const TraceSpan span{"engine.remove", record.name};
    co_await impl.network.forget(record.id);
    co_await impl.running.remove_cgroup_of(record);
    auto work = [&impl, &record, keep_anonymous_volumes] {
        if (!keep_anonymous_volumes)
            for (const MountRecord& mount : record.mounts)
                if (mount.anonymous) stack::engine::remove_volume(impl.paths, mount.volume_name);
        remove_container_files(impl.paths, record.project, record.id);
        // Not before: as long as there is a record that names the range, it may be started with it.
        if (record.service.user_namespace_ids > 0) release_ids(impl.paths, {record.project, record.id});
        impl.running.prune_cgroups_above(record);
    };
    std::function<void()> job = work;
    co_await run_blocking(impl.loop, std::move(job));
}

Task<LaunchOutcome> LocalEngine::launch(ContainerRecord record,
                                        std::function<void(const LaunchOutcome&)> at_gate) {
    const TraceSpan span{"engine.launch", record.name};
    Impl& impl = *impl_;
    const Image image = impl.image_of(record.image_digest);
    OwnNamespaces own;
    if (!shares_network(record.service)) own = co_await impl.network.enter(record);
    {
        ContainerRecord published = record;
        impl.network.publish(published);
        if (published.ports != record.ports && !published.ports.empty()) {
            record.ports = published.ports;
            save_record(impl.paths, record);
        }
    }
    ContainerSpec spec = impl.spec_of(record, image);
    co_return co_await impl.running.launch(std::move(record), std::move(spec), own, std::move(at_gate));
}

bool LocalEngine::adopt(const ContainerRecord& record, const ContainerState& state) {
    Impl& impl = *impl_;
    ContainerSpec spec;
    try {
        spec = impl.spec_of(record, impl.image_of(record.image_digest));
    } catch (const Error& error) {
        impl.log.warning("adopting {}: {}", record.name,
                         error.what());  // its image is gone: it can run on, not exec
    }
    if (!impl.running.adopt(record, state, std::move(spec), impl.inherited)) return false;
    impl.network.adopt(record, impl.inherited);
    return true;
}

void LocalEngine::release(const std::string& id) {
    impl_->network.unpublish(id);
}

void LocalEngine::signal(const std::string& id, int number) {
    impl_->running.signal(id, number);
}

void LocalEngine::kill_all(const std::string& id) {
    impl_->running.kill_all(id);
}

void LocalEngine::publish_names(const std::string& id, bool answer) {
    if (const ContainerRecord* record = impl_->running.find(id)) {
        impl_->network.publish_names(*record, answer);
        return;
    }
    ContainerRecord gone;
    gone.id = id;
    gone.endpoints.resize(1);
    if (!answer) impl_->network.publish_names(gone, false);
}

ImageConfig LocalEngine::image_config(const ContainerRecord& record) {
    try {
        return impl_->image_of(record.image_digest).config;
    } catch (const Error& error) {
        impl_->log.warning("image of {}: {}", record.name, error.what());
        return {};
    }
}

Task<ExecStarted> LocalEngine::exec(std::string id, ExecRequest request) {
    return impl_->running.exec(std::move(id), std::move(request));
}

void LocalEngine::signal_exec(pid_t pid, int number) {
    impl_->running.signal_exec(pid, number);
}

}  // namespace stack::engine
