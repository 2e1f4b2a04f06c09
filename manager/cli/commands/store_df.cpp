// `stack df`: measures everything, and what could go.
#include "manager/cli/commands.hpp"
#include "manager/cli/df_view.hpp"
#include "manager/engine/data_usage.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/image/store_gc.hpp"

#include <string>
#include <utility>

namespace stack::cli {

namespace {

/// Of images alone: interrupted pulls and imports have lines of their own.
std::uint64_t unused_images_bytes(const StoreUsage& store) {
    GcOptions all;
    all.unused = true;
    all.downloads = false;
    std::uint64_t bytes = plan_gc(store, all).bytes;
    for (const LooseUse& leftover : store.leftovers) bytes -= leftover.bytes;
    return bytes;
}

}  // namespace

int run_df(const Context& context, const DfCommand& command) {
    DfView view;
    view.usage = engine::measure_data(context.paths);
    view.gc_bytes = plan_gc(view.usage.store, {}).bytes;
    view.unused_bytes = unused_images_bytes(view.usage.store);
    std::string text;
    if (command.format == "json")
        text = df_json(view);
    else
        text = command.verbose ? df_details(view) + "\n" + df_table(view) : df_table(view);
    write_all(context.out.fd, text, "stdout");
    return 0;
}

}  // namespace stack::cli
