// What `stack df` prints. Text from values.
#pragma once

#include "manager/engine/data_usage.hpp"

#include <cstdint>
#include <string>

namespace stack::cli {

struct DfView {
    engine::DataUsage usage;
    std::uint64_t gc_bytes = 0;      ///< what `stack gc` would free
    std::uint64_t unused_bytes = 0;  ///< what would come free if all images that no container uses went
};

/// TYPE TOTAL ACTIVE SIZE SHARED RECLAIMABLE, and their sum.
std::string df_table(const DfView& view);
/// Every image, container and volume, with why it is kept.
std::string df_details(const DfView& view);
/// One object, sizes in bytes.
std::string df_json(const DfView& view);

}  // namespace stack::cli
