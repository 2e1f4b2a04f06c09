// Every key of the Compose format in one table: where it may stand, what its value looks like, how it is merged and
// what becomes of it here. The checker, the merger, suggestions and docs/compose.md all go by this table, so that none
// of them can disagree about what is a key.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stack::compose {

enum class Shape : std::uint8_t {
    any,
    string,  ///< text; a bare number or bool must be quoted
    text,    ///< text or number
    boolean,
    integer,
    number,
    bytes,     ///< number or "64m"; "-1" where the key knows it
    duration,  ///< "1m30s"
    octal,     ///< number (0440) or string of octal digits
    boolean_or_string,
    strings,  ///< list of text
    texts,    ///< list of text or numbers
    string_or_strings,
    command,    ///< null, text of shell words, list of text
    test,       ///< text for a shell, list that begins with CMD, CMD-SHELL or NONE
    pairs,      ///< map of scalars, or list of K=V; no value is an empty one
    variables,  ///< the same, but no value is that of the project's environment
    text_map,   ///< map of scalars
    hosts,      ///< map of text or lists, or list of HOST=IP
    map,        ///< members by their own rows
    maps,       ///< list of those, rows below `[]`
    named,      ///< map with names of the user, rows below `*`
    names,      ///< list of names, or map as in `named`
    ulimits,    ///< map of numbers or {soft, hard}
    string_or_map,
    strings_or_maps,
    build,         ///< text: the context; or map
    external,      ///< boolean, or {name: …}
    dependencies,  ///< list of services, or map of {condition, restart, required}
    env_files,     ///< text, or list of text and maps
    exposed,       ///< list of container ports
    ports,         ///< list of text, numbers and maps
    mounts,        ///< list of SOURCE:TARGET:OPTIONS and maps
    tmpfs,         ///< PATH:OPTIONS, or list of that
    devices,       ///< list of HOST:CONTAINER:PERMISSIONS and maps
    requests,      ///< list of maps that ask for devices
    gpus,          ///< the word all, or `requests`
    grants,        ///< list of names and maps: secrets and configs
};

/// How the value of a later file meets the earlier one.
enum class Merge : std::uint8_t {
    usual,  ///< maps key by key, lists appended, scalars replaced
    replace,
    replace_also_by_null,
    replace_items,  ///< map whose members are replaced whole
    pairs,          ///< by key, null included
    unique,         ///< lists appended, each value once; a scalar is a list of one
    env_files,      ///< unique by path, seen from the directory of each item's file
    hosts,          ///< appended, exact duplicates dropped
    ports,          ///< unique by host address, published, target and protocol
    targets,        ///< unique by path in the container
    secrets,        ///< unique by target, which is /run/secrets/<source> by default
    configs,        ///< unique by target, which is /<source> by default
    names,          ///< a list is a map of nulls
    context,        ///< a string is {context: …}
    logging,        ///< options merge if the driver is the same
    subnets,        ///< list of maps merged by `subnet`
};

/// What becomes of the key in this program.
enum class KeyState : std::uint8_t {
    works,
    partly,   ///< the remark says which part
    hint,     ///< accepted in silence: there is nothing to do for it on one Linux host
    ignored,  ///< accepted without effect, with a warning; the remark says why
    later,    ///< read and shown, but a service that has it can't be started yet
    refused,  ///< will not be supported: an error; the remark says why
};

struct KeyRow {
    std::string_view path;  ///< `services.*.ports[].target`; `*` is a name of the user's, `[]` an item
    Shape shape;
    Merge merge;
    char importance;  ///< A: needed by most, B: expected by many, C: rare
    KeyState state;
    std::string_view remark = {};
};

/// In the order of the specification.
std::span<const KeyRow> key_table();

/// The table as a tree to walk along with a document.
struct KeyNode {
    const KeyRow* row = nullptr;  ///< nullptr: a place without a row of its own (`services.*`)
    std::unordered_map<std::string_view, const KeyNode*> members;
    const KeyNode* named = nullptr;  ///< below `*`
    const KeyNode* item = nullptr;   ///< below `[]`

    /// Legal keys here, sorted: the candidates of a suggestion.
    [[nodiscard]] std::vector<std::string> member_names() const;
    [[nodiscard]] Merge merge() const { return row ? row->merge : Merge::usual; }
};
const KeyNode& key_tree();

/// docs/compose.md: every key with its state, and what `shown_by` says of the row with that path. Generated, and checked
/// by a test.
std::string key_table_markdown(const std::function<std::string(std::string_view)>& shown_by);

}  // namespace stack::compose
