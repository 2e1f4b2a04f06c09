#include "manager/engine/data_usage.hpp"

#include "manager/engine/project_store.hpp"
#include "runtime/base/path_at.hpp"

#include <optional>
#include <set>
#include <utility>

namespace stack::engine {

namespace {

bool is_log_file(const std::string& name) {
    return name.ends_with(".log") || name.ends_with(".idx");
}

class DataMeasurement {
  public:
    explicit DataMeasurement(const Paths& paths) : paths_{paths}, store_{paths.data_root} {}

    DataUsage run() {
        usage_.store = measure_store(store_, images_in_use(paths_), disk_);
        measure_projects();
        measure_volumes();
        measure_rest();
        usage_.total_bytes = usage_.store.total_bytes + usage_.record_bytes;
        for (const ContainerUse& container : usage_.containers) usage_.total_bytes += container.bytes();
        for (const VolumeUse& volume : usage_.volumes) usage_.total_bytes += volume.bytes;
        return std::move(usage_);
    }

  private:
    void measure_projects() {
        usage_.record_bytes += disk_.object(paths_.projects());
        for (const std::string& project : list_projects(paths_)) {
            const std::string containers = paths_.containers(project);
            usage_.record_bytes += disk_.object(paths_.project(project)) + disk_.object(containers);
            for (const std::string& name : list_directory(paths_.project(project)))
                if (paths_.project(project) + '/' + name != containers)
                    usage_.record_bytes += disk_.tree(paths_.project(project) + '/' + name);
            const ProjectState state = load_project_state(paths_, project);
            std::set<std::string> known;
            for (const StoredContainer& stored : state.containers) {
                known.insert(stored.record.id);
                measure_container(project, stored);
            }
            for (const std::string& id : list_directory(containers))
                if (!known.contains(id)) measure_container_files(ContainerUse{id, {}, project, {}});
        }
    }

    void measure_container(const std::string& project, const StoredContainer& stored) {
        ContainerUse use{stored.record.id, stored.record.name, project, stored.record.image_digest};
        use.running = stored.state.pid != 0;
        measure_container_files(std::move(use));
    }

    void measure_container_files(ContainerUse use) {
        const std::string folder = container_directory(paths_, use.project, use.id);
        use.record_bytes += disk_.object(folder);
        for (const std::string& name : list_directory(folder)) {
            std::uint64_t& part = name == "upper" || name == "work" ? use.writable_bytes
                                  : is_log_file(name)               ? use.log_bytes
                                                                    : use.record_bytes;
            part += disk_.tree(folder + '/' + name);
        }
        usage_.containers.push_back(std::move(use));
    }

    void measure_volumes() {
        const VolumeUsers users = volume_users(paths_);
        usage_.record_bytes += disk_.object(paths_.volumes());
        for (const std::string& name : list_directory(paths_.volumes())) {
            const std::uint64_t bytes = disk_.tree(paths_.volumes() + '/' + name);
            std::optional<VolumeRecord> record = find_volume(paths_, name);
            if (!record) {  // left by a creation or a removal that was cut short
                usage_.record_bytes += bytes;
                continue;
            }
            const auto found = users.find(name);
            usage_.volumes.push_back({std::move(*record),
                                      found == users.end() ? std::vector<std::string>{} : found->second,
                                      bytes});
        }
    }

    void measure_rest() {
        const std::set<std::string> measured{store_.images, store_.layers, store_.staging, paths_.projects(),
                                             paths_.volumes()};
        usage_.record_bytes += disk_.object(paths_.data_root);
        for (const std::string& name : list_directory(paths_.data_root)) {
            const std::string path = paths_.data_root + '/' + name;
            if (!measured.contains(path)) usage_.record_bytes += disk_.tree(path);
        }
    }

    const Paths& paths_;
    StorePaths store_;
    DiskCounter disk_;
    DataUsage usage_;
};

}  // namespace

ImagesInUse images_in_use(const Paths& paths) {
    ImagesInUse used;
    for (const std::string& project : list_projects(paths))
        for (const StoredContainer& container : load_project_state(paths, project).containers)
            used.emplace(container.record.image_digest, container.record.name);
    return used;
}

DataUsage measure_data(const Paths& paths) {
    std::optional<FileLock> lock;
    if (path_exists(StorePaths{paths.data_root}.images)) lock = ImageStore{paths.data_root}.hold();
    return DataMeasurement{paths}.run();
}

}  // namespace stack::engine
