// Where a value of the canonical tree comes from: every place in a file that had a say, in the order in which they were
// laid over each other, the last one being in effect; and the variables that were filled in there. What
// `stack config --explain` prints.
#pragma once

#include "manager/compose/diagnostic.hpp"
#include "manager/compose/loader.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stack::compose {

/// A variable that a text asked for.
struct VariableTaken {
    std::string name;
    std::optional<std::string> value;  ///< nullopt: not set
    Position place;                    ///< line of a dotenv file; file empty: the shell, or set nowhere
    bool defaulted = false;            ///< the text's own default was taken instead
};

/// A place that gave the value, or that implies it.
struct ValuePlace {
    Position position;
    std::string value;  ///< there, variables filled in; lists and maps in flow style
    std::vector<VariableTaken> variables;
    std::vector<RelatedPosition> via;  ///< how the file came in: "included here", "extended here"
};

struct Explanation {
    std::string path;   ///< `services.web.ports[0].target`
    std::string value;  ///< in effect
    std::vector<ValuePlace> places;
};

/// Every single value at or below `path`, in the order of the tree. A key with a dot in it is written as it is. Throws
/// Error(not_found) with a hint for a path that leads nowhere.
std::vector<Explanation> explain(const Document& document, std::string_view path);

/// Where a single value stands and which variables came in, in a few words: `compose.yaml:3:9, TAG from .env:1`.
std::string source_note(const Document& document, const Node& value, const SourceCache& sources);

/// For people; each with its source line.
std::string render(const std::vector<Explanation>& explanations, const SourceCache& sources);
/// [{"path","value","places":[{"file","line","column","value","variables":[…],"via":[…]}]}]
nlohmann::json to_json(const std::vector<Explanation>& explanations);

}  // namespace stack::compose
