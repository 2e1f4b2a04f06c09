// `stack gc` and `stack image prune`: what goes, what comes free.
#include "runtime/image/store_gc.hpp"

#include "manager/cli/commands/image_commands.hpp"
#include "manager/cli/image_text.hpp"
#include "manager/cli/prompt.hpp"
#include "manager/cli/time_argument.hpp"
#include "manager/engine/data_usage.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::cli {

namespace {

std::string image_lines(const GcPlan& plan, const char* verb) {
    std::string text;
    for (const ImageUse& image : plan.images)
        text +=
            fmt::format("{} image {} ({})\n", verb,
                        image.references.empty() ? shown_image_id(image.id) : join(image.references, ", "),
                        format_size(image.unique_bytes));
    return text;
}

/// `3 interrupted pulls`, `1 layer`; nothing for none.
std::string counted(std::size_t count, const char* what) {
    if (count == 0) return {};
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string rest_line(const GcPlan& plan, const char* verb) {
    std::vector<std::string> parts;
    for (std::string part : {counted(plan.layers.size(), "layer"), counted(plan.blobs.size(), "blob"),
                             counted(plan.downloads.size(), "interrupted pull"),
                             counted(plan.leftovers.size(), "interrupted import")})
        if (!part.empty()) parts.push_back(std::move(part));
    return parts.empty() ? "" : fmt::format("{} {}\n", verb, join(parts, ", "));
}

GcPlan carry_out(const Context& context, const GcOptions& options) {
    const StorePaths paths{context.paths.data_root};
    const FindImagesInUse in_use = [&] { return engine::images_in_use(context.paths); };
    return context.globals.dry_run ? preview_gc(paths, options, in_use)
                                   : collect_garbage(paths, options, in_use);
}

std::string gc_text(const GcPlan& plan, bool dry_run) {
    if (plan.empty()) return "Nothing to remove\n";
    const char* verb = dry_run ? "Would remove" : "Removed";
    std::string text = image_lines(plan, verb) + rest_line(plan, verb);
    if (plan.postponed) return text + "An import or a pull is running: the space comes free when it ends\n";
    return text + fmt::format("{} {}\n", dry_run ? "Would free" : "Freed", format_size(plan.bytes));
}

GcOptions prune_options(const ImagePruneCommand& command) {
    GcOptions options;
    options.unused = command.all;
    options.downloads = false;
    for (const std::string& filter : command.filters) {
        if (!filter.starts_with("until="))
            throw Error{ErrorKind::invalid_input, fmt::format("unknown filter '{}'", filter)}.with_hint(
                "such as --filter until=24h");
        const std::optional<std::int64_t> since_epoch_ns =
            read_time_argument("--filter until", filter.substr(6), std::chrono::system_clock::now());
        if (since_epoch_ns)
            options.created_before = std::chrono::system_clock::time_point{
                std::chrono::duration_cast<std::chrono::system_clock::duration>(
                    std::chrono::nanoseconds{*since_epoch_ns})};
    }
    return options;
}

bool is_confirmed(const Context& context, const ImagePruneCommand& command) {
    if (command.force || context.globals.dry_run) return true;
    const std::string question = command.all ? "Remove all images that no container uses? [y/N] "
                                             : "Remove all images without a name? [y/N] ";
    return confirm(question, "use --force");
}

}  // namespace

int run_gc(const Context& context, const GcCommand& command) {
    GcOptions options;
    options.keep_bytes = command.keep_bytes;
    write_all(context.out.fd, gc_text(carry_out(context, options), context.globals.dry_run), "stdout");
    return 0;
}

int run_image_verb(const Context& context, const ImagePruneCommand& command) {
    const GcOptions options = prune_options(command);
    if (!is_confirmed(context, command)) return 0;
    const GcPlan plan = carry_out(context, options);
    write_all(context.out.fd,
              image_lines(plan, context.globals.dry_run ? "Would remove" : "Removed") +
                  fmt::format("Total reclaimed space: {}\n", format_size(plan.bytes)),
              "stdout");
    return 0;
}

}  // namespace stack::cli
