// Devices by name: the CDI files of this host, and what those that a service asks for change of its ContainerSpec.
#pragma once

#include "manager/engine/cdi_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/container_spec.hpp"

#include <string>
#include <vector>

namespace stack::engine {

/// What is in the CDI directories. Files of a later directory go before those of an earlier one (/var/run/cdi, which drivers
/// write at boot, before /etc/cdi); two of the same directory that know one device contradict each other.
class CdiDevices {
  public:
    /// Reads *.json and *.yaml; directories may be missing. A file that can't be read is remembered: it is an error only
    /// for who asks for a device that is nowhere else. Never throws for a file's content.
    explicit CdiDevices(const std::vector<std::string>& directories);

    /// Edits of the devices, of each of their files once, in order. Throws Error(not_found) for one that no file has, with what
    /// there is as hint, Error(conflict) for one that two have, or what is wrong with the file that should.
    [[nodiscard]] CdiEdits edits_of(const std::vector<std::string>& names) const;
    /// Full names of the devices of a kind, in the order of their numbers where they have such names; `all` is left out. `count` below 0: all there are,
    /// which is `all` alone where the vendor has one. Throws Error(not_found) when there are fewer.
    [[nodiscard]] std::vector<std::string> choose(const std::string& kind, int count) const;

  private:
    struct Found {
        CdiFile file;
        std::size_t priority = 0;
    };
    [[nodiscard]] const Found& file_of(const CdiName& name, const std::string& text) const;

    std::vector<std::string> directories_;
    std::vector<Found> files_;
    std::vector<Error> broken_;
};

/// Puts the edits into a spec. Device nodes are looked at on the host now. Throws Error(not_found) for one that is missing.
void apply_cdi_edits(const CdiEdits& edits, ContainerSpec& spec);

}  // namespace stack::engine
