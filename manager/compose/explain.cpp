#include "manager/compose/explain.hpp"

#include "manager/compose/interpolation.hpp"
#include "manager/compose/variables.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stack::compose {

namespace {

// One step of a path: a member's key, or an item's index.
struct PathStep {
    std::string_view key;
    std::size_t index = 0;
    bool is_item = false;
};

const Node* child_at(const Node& node, const PathStep& step) {
    if (!step.is_item) return node.find(step.key);
    return node.is_sequence() && step.index < node.count ? node.entries[step.index].value : nullptr;
}

std::string flow_text(const Node& node) {
    constexpr std::size_t kLongest = 200;
    std::string out;
    if (node.is_null()) return "null";
    if (node.is_scalar()) return std::string{node.text};
    const bool map = node.is_mapping();
    for (const Entry& entry : node.items()) {
        if (!out.empty()) out += ", ";
        if (out.size() > kLongest) {
            out += "…";
            break;
        }
        if (map) out += fmt::format("{}: ", entry.key->text);
        out += flow_text(*entry.value);
    }
    return map ? fmt::format("{{{}}}", out) : fmt::format("[{}]", out);
}

// ---- from the text of a path to a place in the tree -----------------------------------------------------------------

// Keys may hold dots, so the text is matched against the keys that are there, longer ones first.
class PathFinder {
  public:
    explicit PathFinder(std::string_view path) : path_{path} {}

    std::vector<PathStep> find(const Node& root) {
        if (path_.empty() || match(root, path_)) return steps_;
        throw Error{ErrorKind::not_found, fmt::format("{} is not in this project", path_)}.with_hint(hint());
    }

  private:
    bool match(const Node& node, std::string_view rest) {
        if (rest.empty()) return true;
        if (rest.size() < best_rest_.size() || !best_) {
            best_ = &node;
            best_rest_ = rest;
        }
        return node.is_sequence() ? match_item(node, rest) : node.is_mapping() && match_member(node, rest);
    }

    // `[3]`, or `3` as other tools write it.
    bool match_item(const Node& list, std::string_view rest) {
        const bool bracket = rest.starts_with('[');
        if (bracket) rest.remove_prefix(1);
        const std::size_t length = std::min(rest.find_first_not_of("0123456789"), rest.size());
        const auto index = parse_int(std::string{rest.substr(0, length)});
        rest.remove_prefix(length);
        if (bracket && !rest.starts_with(']')) return false;
        if (bracket) rest.remove_prefix(1);
        if (!index || static_cast<std::size_t>(*index) >= list.count || !at_boundary(rest)) return false;
        steps_.push_back({{}, static_cast<std::size_t>(*index), true});
        if (match(*list.entries[*index].value, without_dot(rest))) return true;
        steps_.pop_back();
        return false;
    }

    bool match_member(const Node& map, std::string_view rest) {
        std::vector<const Entry*> candidates;
        for (const Entry& entry : map.items())
            if (rest.starts_with(entry.key->text) && at_boundary(rest.substr(entry.key->text.size())))
                candidates.push_back(&entry);
        std::sort(candidates.begin(), candidates.end(),
                  [](const Entry* a, const Entry* b) { return a->key->text.size() > b->key->text.size(); });
        for (const Entry* entry : candidates) {
            steps_.push_back({entry->key->text});
            if (match(*entry->value, without_dot(rest.substr(entry->key->text.size())))) return true;
            steps_.pop_back();
        }
        return false;
    }

    static bool at_boundary(std::string_view rest) {
        return rest.empty() || rest[0] == '.' || rest[0] == '[';
    }
    static std::string_view without_dot(std::string_view rest) {
        return rest.starts_with('.') ? rest.substr(1) : rest;
    }

    // What there is where the path could not be followed any further.
    [[nodiscard]] std::string hint() const {
        const std::string_view found = path_.substr(0, path_.size() - best_rest_.size());
        const std::string place{found.substr(0, found.ends_with('.') ? found.size() - 1 : found.size())};
        if (best_->is_sequence()) return fmt::format("{} has {} items, from [0]", place, best_->count);
        if (!best_->is_mapping()) return fmt::format("{} is a single value", place);
        std::vector<std::string> keys;
        for (const Entry& entry : best_->items()) keys.emplace_back(entry.key->text);
        const std::string wanted{best_rest_.substr(0, best_rest_.find_first_of(".["))};
        if (const auto near = nearest(wanted, keys))
            return fmt::format("did you mean {}{}{}?", place, place.empty() ? "" : ".", *near);
        constexpr std::size_t kMostKeys = 12;
        const bool all = keys.size() <= kMostKeys;
        keys.resize(std::min(keys.size(), kMostKeys));
        return fmt::format("{} has {}{}", place.empty() ? "the project" : place, join(keys, ", "),
                           all ? "" : ", …");
    }

    std::string_view path_;
    std::vector<PathStep> steps_;
    const Node* best_ = nullptr;  // where the longest match ended, and what was left of the path there
    std::string_view best_rest_;
};

// The variables that the text of a value asked for, each once, as its file sees them.
std::vector<VariableTaken> variables_of(const Document& document, const Node& node) {
    std::vector<VariableTaken> taken;
    const VariableScope* scope = document.tree.file(node.file).variables.get();
    if (!node.written || !scope) return taken;
    const VariableLookup lookup = lookup_in(scope->values);
    std::vector<std::string> asked;
    const VariableLookup recording = [&](std::string_view name) {
        if (std::find(asked.begin(), asked.end(), name) == asked.end()) asked.emplace_back(name);
        return lookup(name);
    };
    interpolate(node.written->text, recording);
    const std::vector<VariableUse> uses = variables_in(node.written->text);
    for (const std::string& name : asked) {
        VariableTaken variable{name, lookup(name), {}, false};
        if (const auto place = scope->places.find(name); place != scope->places.end())
            variable.place = place->second;
        const auto use = std::find_if(uses.begin(), uses.end(),
                                      [&name](const VariableUse& item) { return item.name == name; });
        if (use != uses.end() && use->operation == '-')
            variable.defaulted = !variable.value || (use->or_empty && variable.value->empty());
        taken.push_back(std::move(variable));
    }
    return taken;
}

// ---- from a place in the tree to those who made it ------------------------------------------------------------------

class Explainer {
  public:
    explicit Explainer(const Document& document) : document_{document} {}

    std::vector<Explanation> run(const std::vector<PathStep>& path) {
        const Node* node = document_.root;
        for (const PathStep& step : path) enter(*node, step), node = child_at(*node, step);
        walk(*node);
        return std::move(result_);
    }

  private:
    void enter(const Node& parent, const PathStep& step) {
        parents_.push_back(&parent);
        steps_.push_back(step);
    }
    void leave() {
        parents_.pop_back();
        steps_.pop_back();
    }

    void walk(const Node& node) {
        if (node.count == 0) {
            result_.push_back(explanation(node));
            return;
        }
        for (std::uint32_t i = 0; i < node.count; ++i) {
            const Node* key = node.entries[i].key;
            enter(node, key ? PathStep{key->text} : PathStep{{}, i, true});
            walk(*node.entries[i].value);
            leave();
        }
    }

    [[nodiscard]] Explanation explanation(const Node& node) const {
        Explanation result{path_text(), flow_text(node), {}};
        // A map or list that was replaced whole took the value with it that it had at the same place.
        for (std::size_t depth = 0; depth < parents_.size(); ++depth)
            for (const Node* old : earlier(*parents_[depth]))
                if (const Node* value = at_same_place(*old, depth)) add(result, *value);
        for (const Node* old : earlier(node)) add(result, *old);
        add(result, node);
        return result;
    }

    // Oldest first.
    static std::vector<const Node*> earlier(const Node& node) {
        std::vector<const Node*> chain;
        for (const Node* old = node.replaced; old; old = old->replaced) chain.push_back(old);
        std::reverse(chain.begin(), chain.end());
        return chain;
    }

    // Items have no identity across a list that was replaced: the whole list is what was there before.
    [[nodiscard]] const Node* at_same_place(const Node& old, std::size_t depth) const {
        const Node* node = &old;
        for (std::size_t i = depth; i < steps_.size() && node; ++i) {
            if (steps_[i].is_item || node->is_scalar()) return node;
            node = child_at(*node, steps_[i]);
        }
        return node;
    }

    void add(Explanation& result, const Node& node) const {
        ValuePlace place;
        place.position = document_.tree.position(node);
        place.value = flow_text(node);
        place.variables = variables_of(document_, node);
        const auto way = document_.ways.find(place.position.file);
        if (way != document_.ways.end()) place.via = way->second;
        // A short form and its parts stand at one place.
        if (!result.places.empty() && result.places.back().position == place.position &&
            result.places.back().value == place.value)
            return;
        result.places.push_back(std::move(place));
    }

    [[nodiscard]] std::string path_text() const {
        std::string text;
        for (const PathStep& step : steps_)
            text += step.is_item ? fmt::format("[{}]", step.index)
                                 : fmt::format("{}{}", text.empty() ? "" : ".", step.key);
        return text;
    }

    const Document& document_;
    std::vector<const Node*> parents_;  // from the root to the parent of the node
    std::vector<PathStep> steps_;       // the same way, one for each parent
    std::vector<Explanation> result_;
};

// ---- print ----------------------------------------------------------------------------------------------------------

std::string source_of(const VariableTaken& variable, const SourceCache& sources) {
    return variable.place.file.empty() ? "the shell" : sources.display(variable.place);
}

std::string variable_text(const VariableTaken& variable, const SourceCache& sources) {
    const std::string_view tail = variable.defaulted ? ", so its default is taken" : "";
    if (!variable.value) return fmt::format("{} is not set{}", variable.name, tail);
    return fmt::format("{} is \"{}\" from {}{}", variable.name, *variable.value, source_of(variable, sources),
                       tail);
}

void append_place(std::string& out, const ValuePlace& place, bool in_effect, std::size_t width,
                  const SourceCache& sources) {
    const auto line = sources.line(place.position.file, place.position.line);
    out += fmt::format("  {:<9}  {:<{}}  {}\n", in_effect ? "in effect" : "replaced",
                       sources.display(place.position), width, line ? printable(trim(*line)) : "");
    const std::string indent(width + 15, ' ');
    for (const VariableTaken& variable : place.variables)
        out += fmt::format("{}{}\n", indent, printable(variable_text(variable, sources)));
    for (const RelatedPosition& via : place.via)
        out += fmt::format("{}{}: {}\n", indent, via.message, sources.display(via.position));
}

nlohmann::json position_json(const Position& position) {
    nlohmann::json json{{"file", position.file}};
    if (position.line > 0) json["line"] = position.line;
    if (position.column > 0) json["column"] = position.column;
    return json;
}

}  // namespace

std::vector<Explanation> explain(const Document& document, std::string_view path) {
    return Explainer{document}.run(PathFinder{path}.find(*document.root));
}

std::string source_note(const Document& document, const Node& value, const SourceCache& sources) {
    const Position place = document.tree.position(value);
    if (place == document.tree.position(*document.root)) return "not in a file";
    std::string note = sources.display(place);
    for (const VariableTaken& variable : variables_of(document, value)) {
        if (!variable.value) continue;
        const std::string_view tail = variable.defaulted ? " (empty)" : "";
        note += fmt::format(", {} from {}{}", variable.name, source_of(variable, sources), tail);
    }
    return printable(note);
}

std::string render(const std::vector<Explanation>& explanations, const SourceCache& sources) {
    std::string out;
    for (const Explanation& one : explanations) {
        if (!out.empty()) out += '\n';
        out += fmt::format("{}: {}\n", one.path, printable(one.value));
        std::size_t width = 0;
        for (const ValuePlace& place : one.places)
            width = std::max(width, sources.display(place.position).size());
        for (const ValuePlace& place : one.places)
            append_place(out, place, &place == &one.places.back(), width, sources);
    }
    return out;
}

nlohmann::json to_json(const std::vector<Explanation>& explanations) {
    nlohmann::json list = nlohmann::json::array();
    for (const Explanation& one : explanations) {
        nlohmann::json places = nlohmann::json::array();
        for (const ValuePlace& place : one.places) {
            nlohmann::json item = position_json(place.position);
            item["value"] = place.value;
            for (const VariableTaken& variable : place.variables) {
                nlohmann::json taken{{"name", variable.name}};
                taken["value"] = variable.value ? nlohmann::json(*variable.value) : nlohmann::json(nullptr);
                if (!variable.place.file.empty()) taken.update(position_json(variable.place));
                if (variable.defaulted) taken["defaulted"] = true;
                item["variables"].push_back(std::move(taken));
            }
            for (const RelatedPosition& via : place.via) {
                nlohmann::json step = position_json(via.position);
                step["message"] = via.message;
                item["via"].push_back(std::move(step));
            }
            places.push_back(std::move(item));
        }
        list.push_back({{"path", one.path}, {"value", one.value}, {"places", std::move(places)}});
    }
    return list;
}

}  // namespace stack::compose
