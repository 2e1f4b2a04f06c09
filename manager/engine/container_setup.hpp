// What a new container has on disk before its first start: resolved mounts, generated files, filled volumes,
// labels; and its ContainerSpec at every start. Files and values only: no process, no network.
#pragma once

#include "manager/engine/engine.hpp"
#include "manager/engine/paths.hpp"
#include "manager/engine/project_store.hpp"
#include "runtime/base/error.hpp"
#include "runtime/container_spec.hpp"
#include "runtime/image/image_store.hpp"

#include <string>
#include <vector>

namespace stack::engine {

/// The seats that the service asks for, without addresses.
std::vector<network::EndpointSpec> wanted_seats(const compose::Project& project,
                                                const compose::Service& service,
                                                const ContainerRecord& record);

/// com.docker.compose.* labels and the service's own, as tools that read them expect.
std::map<std::string, std::string> container_labels(const compose::Project& project,
                                                    const ContainerRecord& record);

/// Errors that creating the container would meet: bind sources, secrets, the command.
std::vector<Error> check_container(const Paths& paths, const compose::Project& project,
                                   const compose::Service& service, const Image& image);

/// `upper` and `work` below the container's directory; the root directory's owner (as `ids` has it) and mode are the image's.
/// Blocks.
void make_writable_layer(const std::string& directory, const Image& image,
                         const std::optional<ContainerIds>& ids);
/// Makes anonymous volumes, missing bind directories and secret files; fills `record.mounts`. Blocks.
void prepare_mounts(const Paths& paths, const CreateRequest& request, const Image& image,
                    ContainerRecord& record);
/// First mount of an empty volume: the image's content goes in, with owners, as Docker does. Blocks.
void fill_volumes(const ContainerRecord& record, const Image& image);
/// hosts, hostname, resolv.conf. Blocks.
void write_network_files(const Paths& paths, const ContainerRecord& record, const std::string& host_gateway);

std::string cgroup_path(const ContainerRecord& record);
/// Looks at the devices that the service is given, as they are now. `network_owner`: whose network it has, if not its own.
/// `available_capabilities`: HostFacts has them.
ContainerSpec make_spec(const Paths& paths, const ContainerRecord& record,
                        const ContainerRecord* network_owner, const Image& image,
                        std::uint64_t available_capabilities);

}  // namespace stack::engine
