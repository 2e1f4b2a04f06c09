// What is wrong with a compose file, as data, and its one rendering for people:
//
//     compose.yaml:14:9: error: unknown key "imgae" in services.web
//        14 |         imgae: nginx
//           |         ^~~~~
//        hint: did you mean "image"?
//
// A load reports every mistake it finds, sorted by place. Codes are stable words for programs.
#pragma once

#include "manager/compose/model.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stack::compose {

enum class Severity { error, warning };

/// A second place that belongs to a diagnostic: the first definition of a duplicate, a step of a cycle.
struct RelatedPosition {
    std::string message;
    Position position;
    bool way_in = false;  ///< how the file of the diagnostic came into the load; told without the source line
    bool operator==(const RelatedPosition&) const = default;
};

struct Diagnostic {
    Severity severity = Severity::error;
    std::string code;     ///< stable: "unknown-key", "yaml-syntax", "dependency-cycle", …
    std::string message;  ///< one sentence without a full stop
    Position position;    ///< file empty: not about a place in a file
    std::vector<RelatedPosition> related;
    std::string hint;     ///< way out, when one is known
    std::string service;  ///< the service concerned, when there is one
    bool operator==(const Diagnostic&) const = default;
};

/// Texts of the files that took part in a load, for source lines and for short names of files.
class SourceCache {
  public:
    SourceCache() = default;
    /// `base`: directory relative to which file names are shown, when they are below it.
    explicit SourceCache(std::string base) : base_{std::move(base)} {}
    void add(const std::string& file, std::shared_ptr<const std::string> text);
    /// Line `number` (1-based) without its line end; nullopt when file or line is not known.
    [[nodiscard]] std::optional<std::string_view> line(const std::string& file, int number) const;
    [[nodiscard]] std::string display_name(const std::string& file) const;
    /// `compose.yaml:14:9`, without the parts that are unknown.
    [[nodiscard]] std::string display(const Position& position) const;

  private:
    struct Source {
        std::shared_ptr<const std::string> text;
        mutable std::vector<std::uint32_t> line_starts;  // empty until a line is asked for
    };
    std::string base_;
    std::map<std::string, Source> sources_;
};

/// Text that is safe on a terminal: control characters and what is no UTF-8 become '?', a tab one space.
std::string printable(std::string_view text);

/// The block shown above, ending in a newline. `colour`: ANSI escapes for a terminal.
std::string render(const Diagnostic& diagnostic, const SourceCache& sources, bool colour);
/// All of them, and after several errors a line with their number.
std::string render(const std::vector<Diagnostic>& diagnostics, const SourceCache& sources, bool colour);

/// {"severity","code","message","file","line","column","hint","service","related":[{"message",…}]}; absent is
/// omitted.
nlohmann::json to_json(const Diagnostic& diagnostic);

bool has_errors(const std::vector<Diagnostic>& diagnostics);

}  // namespace stack::compose
