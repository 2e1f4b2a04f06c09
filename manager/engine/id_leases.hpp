// Ranges of ids that containers have, on disk, so that no two overlap, whichever projects they are of:
//
//   <data>/id-ranges.json   who has which; written before the container that has it is complete
//   <data>/id-ranges.lock   held while one is chosen
//
// A range belongs to a container from its making to its removal: the files it wrote carry the ids. One whose container's
// directory is gone is free.
#pragma once

#include "manager/engine/id_ranges.hpp"
#include "manager/engine/paths.hpp"

#include <cstdint>
#include <string>

namespace stack::engine {

/// A container, by whom a range is had.
struct IdOwner {
    std::string project, id;
    bool operator==(const IdOwner&) const = default;
};

/// Finds and records `size` uids and gids for `owner`, whose directory exists; the same again when it has some. Throws
/// Error(conflict) when none are left, with what to do as hint. Blocks.
ContainerIds lease_ids(const Paths& paths, const IdOwner& owner, std::uint32_t size);
/// That it would find some now. Throws as lease_ids. Blocks.
void check_free_ids(const Paths& paths, std::uint32_t size);
/// Gives up what `owner` has; nothing is fine. Blocks.
void release_ids(const Paths& paths, const IdOwner& owner);

}  // namespace stack::engine
