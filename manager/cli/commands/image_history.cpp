// `stack image history`: the steps by which an image was made, newest first.
#include "runtime/image/image_history.hpp"

#include "manager/cli/commands/image_commands.hpp"
#include "manager/cli/image_text.hpp"
#include "manager/cli/table.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/units.hpp"
#include "runtime/image/time_text.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace stack::cli {

namespace {

constexpr std::size_t kShownCommand = 45;

std::string command_of(const HistoryLine& line, bool whole) {
    const std::string& command = line.step.created_by;
    return whole || command.size() <= kShownCommand ? command : command.substr(0, kShownCommand - 3) + "...";
}

std::string age_of(const HistoryLine& line) {
    return shown_age(parse_time_text(line.step.created).value_or(std::chrono::system_clock::time_point{}));
}

std::string shown_layer(const HistoryLine& line) {
    return line.layer_id.empty() ? "<none>" : line.layer_id;
}

std::string history_table(const std::vector<HistoryLine>& lines, bool whole) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(lines.size());
    for (const HistoryLine& line : lines)
        rows.push_back({shown_layer(line), age_of(line), command_of(line, whole), format_size(line.size),
                        line.step.comment});
    return format_table({"LAYER", "CREATED", "CREATED BY", "SIZE", "COMMENT"}, rows);
}

std::string history_json(const std::vector<HistoryLine>& lines) {
    std::string text;
    for (const HistoryLine& line : lines) {
        const nlohmann::json object = {{"Layer", line.layer_id},
                                       {"CreatedAt", line.step.created},
                                       {"CreatedBy", line.step.created_by},
                                       {"Comment", line.step.comment},
                                       {"Size", line.size}};
        text += object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    return text;
}

}  // namespace

int run_image_verb(const Context& context, const ImageHistoryCommand& command) {
    const ImageStore store{context.paths.data_root};
    const std::vector<HistoryLine> lines = image_history(store.paths(), store.get(command.name));
    std::string text;
    if (command.quiet)
        for (const HistoryLine& line : lines) text += shown_layer(line) + "\n";
    else
        text = command.format == "json" ? history_json(lines) : history_table(lines, command.no_trunc);
    write_all(context.out.fd, text, "stdout");
    return 0;
}

}  // namespace stack::cli
