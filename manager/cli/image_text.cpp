#include "manager/cli/image_text.hpp"

#include "runtime/base/units.hpp"

#include <algorithm>
#include <set>

namespace stack::cli {

std::string shown_image_id(const std::string& id, bool whole) {
    constexpr std::size_t kShown = 12;
    if (whole || id.empty()) return id;
    const std::size_t colon = id.find(':');
    return id.substr(colon == std::string::npos ? 0 : colon + 1, kShown);
}

std::string shown_age(std::chrono::system_clock::time_point created) {
    if (created == std::chrono::system_clock::time_point{}) return "N/A";
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - created);
    return format_age(std::max(age, std::chrono::seconds{0})) + " ago";
}

std::string id_lines(const std::vector<std::string>& ids) {
    std::string text;
    std::set<std::string> known;
    for (const std::string& id : ids)
        if (known.insert(id).second) text += id + "\n";
    return text;
}

}  // namespace stack::cli
