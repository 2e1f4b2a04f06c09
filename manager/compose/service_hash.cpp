#include "manager/compose/service_hash.hpp"

#include "manager/compose/json_text.hpp"
#include "manager/compose/keys.hpp"
#include "manager/compose/scalar.hpp"
#include "runtime/base/sha256.hpp"

#include <algorithm>
#include <vector>

namespace stack::compose {

namespace {

constexpr std::string_view kLeftOut[] = {
    "services.*.build",      "services.*.pull_policy", "services.*.scale",    "services.*.deploy.replicas",
    "services.*.depends_on", "services.*.profiles",    "services.*.env_file", "services.*.label_file"};

// Switches that are off unless the file says otherwise.
constexpr std::string_view kOffByDefault[] = {
    "services.*.tty",        "services.*.stdin_open",          "services.*.read_only",
    "services.*.privileged", "services.*.volumes[].read_only", "services.*.volumes[].volume.nocopy"};

template <std::size_t N>
bool is_among(const std::string_view (&paths)[N], const KeyRow& row) {
    return std::find(std::begin(paths), std::end(paths), row.path) != std::end(paths);
}

class DigestText {
  public:
    std::string out;

    // `keys`: where in the table; nullptr below names of the user's.
    void append(const Node& node, const KeyNode* keys) {
        if (node.is_mapping())
            append_map(node, keys);
        else if (node.is_sequence())
            append_list(node, keys);
        else if (scalar_type(node) == ScalarType::string)
            append_json_string(out, node.text);
        else
            out += node.is_null() ? "null" : scalar_text(node);
    }

  private:
    void append_map(const Node& map, const KeyNode* keys) {
        std::vector<const Entry*> entries;
        for (const Entry& entry : map.items()) entries.push_back(&entry);
        std::sort(entries.begin(), entries.end(),
                  [](const Entry* a, const Entry* b) { return a->key->text < b->key->text; });
        out += '{';
        const std::size_t begin = out.size();
        for (const Entry* entry : entries) append_member(*entry, keys, begin);
        out += '}';
    }

    void append_member(const Entry& entry, const KeyNode* keys, std::size_t begin) {
        const KeyNode* known = nullptr;
        if (keys && !keys->members.empty()) {
            const auto found = keys->members.find(entry.key->text);
            if (found == keys->members.end()) return;  // an extension field
            known = found->second;
        } else if (keys) {
            known = keys->named;
        }
        const KeyRow* row = known ? known->row : nullptr;
        if (row && (is_among(kLeftOut, *row) || is_off(*entry.value, *row))) return;
        const std::size_t before = out.size();
        if (before > begin) out += ',';
        append_json_string(out, entry.key->text);
        out += ':';
        const std::size_t value = out.size();
        append(*entry.value, known);
        if (row && says_nothing(std::string_view{out}.substr(value), *row)) out.resize(before);
    }

    static bool is_off(const Node& value, const KeyRow& row) {
        return value.is_scalar() && value.text == "false" && is_among(kOffByDefault, row);
    }

    // An empty command clears that of the image.
    static bool says_nothing(std::string_view json, const KeyRow& row) {
        return json == "null" || json == "{}" || (json == "[]" && row.merge != Merge::replace_also_by_null);
    }

    void append_list(const Node& list, const KeyNode* keys) {
        out += '[';
        for (const Entry& entry : list.items()) {
            if (&entry != &list.items().front()) out += ',';
            append(*entry.value, keys ? keys->item : nullptr);
        }
        out += ']';
    }
};

}  // namespace

std::string sha256_hex(std::string_view bytes) {
    return sha256_digest(bytes).substr(7);  // without `sha256:`
}

std::string service_digest(const Node& service) {
    DigestText text;
    text.append(service, key_tree().members.at("services")->named);
    return sha256_hex(text.out);
}

}  // namespace stack::compose
