#include "manager/compose/interpolation.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr int kDeepestNesting = 100;
constexpr std::size_t kLargestText = 16u << 20;  // of one value, so that doubling variables end somewhere
constexpr std::size_t kLargestLoad = 64u << 20;  // of all values of a load
constexpr std::size_t kMostWarnings = 100;

bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_part(char c) {
    return is_name_start(c) || (c >= '0' && c <= '9');
}

std::size_t name_length(std::string_view text) {
    if (text.empty() || !is_name_start(text[0])) return 0;
    std::size_t length = 1;
    while (length < text.size() && is_name_part(text[length])) ++length;
    return length;
}

// Index of the `}` that closes a brace opened just before `text`; braces inside are counted.
std::size_t closing_brace(std::string_view text) {
    int open = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') ++open;
        if (text[i] == '}' && --open == 0) return i;
    }
    return std::string_view::npos;
}

// One `$…` of a text.
struct Reference {
    enum class Form { dollar, lone, plain, braced, unclosed } form;
    std::size_t begin;         // of the `$`
    std::size_t end;           // behind it
    std::string_view content;  // plain: the name; braced: what stands between the braces
};

// The first one at or behind `from`.
std::optional<Reference> next_reference(std::string_view text, std::size_t from) {
    using Form = Reference::Form;
    const std::size_t begin = text.find('$', from);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(begin + 1);
    if (rest.starts_with('$')) return Reference{Form::dollar, begin, begin + 2, {}};
    if (rest.starts_with('{')) {
        const std::size_t close = closing_brace(rest.substr(1));
        if (close == std::string_view::npos) return Reference{Form::unclosed, begin, text.size(), {}};
        return Reference{Form::braced, begin, begin + close + 3, rest.substr(1, close)};
    }
    const std::size_t length = name_length(rest);
    if (length == 0) return Reference{Form::lone, begin, begin + 1, {}};
    return Reference{Form::plain, begin, begin + 1 + length, rest.substr(0, length)};
}

// What stands between braces: NAME, or NAME[:]OPERATION OPERAND. The first operation in the text decides.
struct Braced {
    std::string_view name;
    char operation = 0;  // 0, '-', '+' or '?'
    bool or_empty = false;
    std::string_view operand;
};

std::optional<Braced> parse_braced(std::string_view inside) {
    Braced braced;
    braced.name = inside.substr(0, name_length(inside));
    if (braced.name.empty()) return std::nullopt;
    std::string_view rest = inside.substr(braced.name.size());
    if (rest.empty()) return braced;
    braced.or_empty = rest[0] == ':';
    if (braced.or_empty) rest.remove_prefix(1);
    if (rest.empty() || (rest[0] != '-' && rest[0] != '+' && rest[0] != '?')) return std::nullopt;
    braced.operation = rest[0];
    braced.operand = rest.substr(1);
    return braced;
}

class Interpolator {
  public:
    explicit Interpolator(const VariableLookup& lookup) : lookup_{lookup} {}

    InterpolatedText run(std::string_view text) {
        result_.text = expand(text, 0);
        return std::move(result_);
    }

  private:
    std::string expand(std::string_view text, int depth) {
        std::string out;
        std::size_t at = 0;
        while (at < text.size() && !result_.failure) {
            if (out.size() > kLargestText) {
                fail("interpolation-limit", "the value grows beyond 16 MiB by interpolation");
                break;
            }
            const std::optional<Reference> reference = next_reference(text, at);
            out += text.substr(at, reference ? reference->begin - at : std::string_view::npos);
            if (!reference) break;
            if (depth == 0) offset_ = reference->begin;
            at = reference->end;
            switch (reference->form) {
                case Reference::Form::dollar:
                case Reference::Form::lone:
                    out += '$';
                    break;
                case Reference::Form::plain:
                    out += plain(reference->content);
                    break;
                case Reference::Form::braced:
                    out += braced(reference->content, text.substr(reference->begin, at - reference->begin),
                                  depth);
                    break;
                case Reference::Form::unclosed:
                    fail_format(text.substr(reference->begin));
                    break;
            }
        }
        return out;
    }

    // `inside`: between the braces; `whole`: with `${` and `}`, for messages.
    std::string braced(std::string_view inside, std::string_view whole, int depth) {
        const std::optional<Braced> expression = parse_braced(inside);
        if (!expression || depth >= kDeepestNesting) {
            fail_format(whole);
            return {};
        }
        const auto& [name, operation, or_empty, operand] = *expression;
        if (operation == 0) return plain(name);
        const std::optional<std::string> value = lookup_(name);
        const bool present = value && (!or_empty || !value->empty());
        if (operation == '+') return present ? expand(operand, depth + 1) : std::string{};
        if (present) return *value;
        if (operation == '-') return expand(operand, depth + 1);
        const std::string message = expand(operand, depth + 1);
        fail("required-variable", fmt::format("required variable {} is missing a value{}{}", name,
                                              message.empty() ? "" : ": ", message));
        return {};
    }

    std::string plain(std::string_view name) {
        if (std::optional<std::string> value = lookup_(name)) return std::move(*value);
        result_.unset.emplace_back(name, offset_);
        return {};
    }

    void fail_format(std::string_view expression) {
        constexpr std::size_t kShown = 60;
        fail("interpolation-format",
             fmt::format("invalid interpolation format: \"{}{}\"", expression.substr(0, kShown),
                         expression.size() > kShown ? "…" : ""));
    }

    void fail(std::string code, std::string message) {
        if (!result_.failure) result_.failure = {std::move(code), std::move(message), offset_};
    }

    const VariableLookup& lookup_;
    InterpolatedText result_;
    std::size_t offset_ = 0;  // of the outermost expression being expanded
};

void collect_uses(std::string_view text, int depth, std::vector<VariableUse>& uses) {
    std::size_t at = 0;
    while (const std::optional<Reference> reference = next_reference(text, at)) {
        at = reference->end;
        if (reference->form == Reference::Form::plain)
            uses.push_back({std::string{reference->content}, 0, false, {}});
        if (reference->form != Reference::Form::braced || depth >= kDeepestNesting) continue;
        const std::optional<Braced> braced = parse_braced(reference->content);
        if (!braced) continue;
        uses.push_back(
            {std::string{braced->name}, braced->operation, braced->or_empty, std::string{braced->operand}});
        collect_uses(braced->operand, depth + 1, uses);
    }
}

// Where the `$` at `offset` of a node's value stands in the file: values keep their dollar signs in order, however
// they are quoted or folded, so counting them finds the place.
Position position_in_source(const Tree& tree, const Node& node, std::size_t offset) {
    const std::string_view source = *tree.file(node.file).text;
    const std::string_view before = node.text.substr(0, offset);
    std::size_t at = source.find('$', node.offset);
    for (auto passed = std::count(before.begin(), before.end(), '$'); passed > 0; --passed) {
        if (at == std::string_view::npos) break;
        at = source.find('$', at + 1);
    }
    if (at == std::string_view::npos) return tree.position(node);
    return tree.position(node.file, static_cast<std::uint32_t>(at));
}

class TreeInterpolator {
  public:
    TreeInterpolator(Tree& tree, const VariableLookup& lookup, InterpolationRun& run, Reporter& reporter)
        : tree_{tree}, lookup_{lookup}, run_{run}, reporter_{reporter} {}

    void walk(Node& node) {
        if (node.tag == NodeTag::reset) return;  // its value is of no account
        for (Entry& entry : node.items()) {
            if (entry.key) path_.push_back(entry.key->text);
            walk(*entry.value);
            if (entry.key) path_.pop_back();
        }
        if (node.is_scalar() && node.text.find('$') != std::string_view::npos) expand(node);
    }

  private:
    void expand(Node& node) {
        if (run_.bytes > kLargestLoad) return;  // said already
        const InterpolatedText result = interpolate(node.text, lookup_);
        for (const auto& [name, offset] : result.unset) {
            if (run_.warned.size() >= kMostWarnings || !run_.warned.insert(name).second) continue;
            name_service(
                reporter_.warning("unset-variable",
                                  fmt::format("variable {} is not set, an empty string is used", name),
                                  position_in_source(tree_, node, offset)))
                .hint = fmt::format("set it in the shell or in .env, or write ${{{}:-default}}", name);
        }
        if (result.failure) {
            Diagnostic& diagnostic = reporter_.error(result.failure->code, result.failure->message,
                                                     position_in_source(tree_, node, result.failure->offset));
            name_service(diagnostic);
            node.broken = true;
            if (result.failure->code == "interpolation-limit") return;
            diagnostic.hint = result.failure->code == "required-variable"
                                  ? "set it in the shell, in .env or in a file given with --env-file"
                                  : "write $$ for a dollar sign that is no variable";
            return;
        }
        run_.bytes += result.text.size();
        if (run_.bytes > kLargestLoad) {
            reporter_.error("interpolation-limit", "the files grow beyond 64 MiB by interpolation",
                            tree_.position(node));
            return;
        }
        Node* written = tree_.make_at(NodeKind::scalar, node);
        *written = node;
        node.written = written;
        node.text = tree_.store(result.text);
        node.is_string = true;
    }

    Diagnostic& name_service(Diagnostic& diagnostic) {
        if (path_.size() > 1 && path_[0] == "services") diagnostic.service = path_[1];
        return diagnostic;
    }

    Tree& tree_;
    const VariableLookup& lookup_;
    InterpolationRun& run_;
    Reporter& reporter_;
    std::vector<std::string_view> path_;
};

}  // namespace

InterpolatedText interpolate(std::string_view text, const VariableLookup& lookup) {
    return Interpolator{lookup}.run(text);
}

std::vector<VariableUse> variables_in(std::string_view text) {
    std::vector<VariableUse> uses;
    collect_uses(text, 0, uses);
    return uses;
}

void interpolate_tree(Tree& tree, Node& root, const VariableLookup& lookup, InterpolationRun& run,
                      Reporter& reporter) {
    TreeInterpolator{tree, lookup, run, reporter}.walk(root);
}

void leave_variables(Node& root) {
    if (root.is_scalar() && root.text.find('$') != std::string_view::npos) {
        root.open = true;
        root.is_string = true;
    }
    for (Entry& entry : root.items()) leave_variables(*entry.value);
}

}  // namespace stack::compose
