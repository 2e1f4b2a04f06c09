#include "manager/cli/log_view.hpp"

namespace stack::cli {

void LogView::add(const std::string& id, const std::string& name, const logs::LogSource& source,
                  const std::optional<logs::LogReadOptions>& options) {
    if (members_.contains(id)) return;
    const std::size_t member = formatter_.add(name);
    members_[id] = member;
    const std::size_t index = reader_.add(source, options);
    if (member_of_source_.size() <= index) member_of_source_.resize(index + 1);
    member_of_source_[index] = member;
}

bool LogView::print_available() {
    bool any = false;
    while (const std::optional<logs::MergedReader::Line> line = reader_.next()) {
        any = true;
        const bool to_err = split_streams_ && line->line.stream == logs::LogStream::err;
        formatter_.append(sink_.buffer(to_err), member_of_source_[line->source], line->line.text,
                          line->line.time_ns);
    }
    sink_.flush();
    return any;
}

void LogView::print_exit(const std::string& id, int exit_code, bool restarting) {
    const auto member = members_.find(id);
    if (member == members_.end()) return;
    print_available();
    sink_.buffer(false) += formatter_.exit_line(member->second, exit_code, restarting);
    sink_.flush();
}

void LogView::finish() {
    reader_.stop_following();
    print_available();
}

}  // namespace stack::cli
