// What all decoders share: reading typed values out of nodes that validate() has looked at, and reporting. A node that
// is absent, null or already reported reads as nothing.
#pragma once

#include "manager/compose/decode.hpp"
#include "manager/compose/short_syntax.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack::compose {

class DecodeContext {
  public:
    DecodeContext(const Tree& tree, const DecodeSettings& settings, Reporter& reporter)
        : tree_{tree}, settings_{settings}, reporter_{reporter} {}

    std::string service;  ///< the one being decoded, for diagnostics

    Diagnostic& error(std::string code, std::string message, const Node& where);
    Diagnostic& warning(std::string code, std::string message, const Node& where);
    /// The value, or nullptr after reporting the problem.
    template <class T>
    T* accept(Parsed<T>& parsed, const Node& where) {
        if (auto* problem = std::get_if<SyntaxProblem>(&parsed)) {
            error("value", std::move(problem->message), where).hint = std::move(problem->hint);
            return nullptr;
        }
        return &std::get<T>(parsed);
    }

    [[nodiscard]] Position position(const Node& node) const { return tree_.position(node); }

    static bool usable(const Node* node) { return node && !node->broken && !node->is_null(); }
    static const Node* member(const Node& map, std::string_view key);

    // Typed values; nullopt when the node is absent, null or of another shape (which has been reported).
    static std::optional<std::string> text(const Node* node);
    static std::optional<bool> boolean(const Node* node);
    static std::optional<std::int64_t> integer(const Node* node);
    static std::optional<double> number(const Node* node);
    static std::optional<Duration> duration(const Node* node);
    static std::optional<std::uint32_t> octal(const Node* node);
    static std::vector<std::string> strings(const Node* node);  ///< of a list or a single text
    /// Non-negative size; reports a negative one.
    std::optional<std::int64_t> bytes(const Node* node);
    /// Within bounds, else reported.
    std::optional<int> integer_in(const Node* node, std::int64_t low, std::int64_t high,
                                  std::string_view what);

    /// Map or list of K=V in order; a value that is null or absent is nullopt.
    struct Pair {
        std::string name;
        std::optional<std::string> value;
        const Node* node;
    };
    static std::vector<Pair> pairs(const Node* node);
    /// The same as labels: no value is an empty one.
    static std::map<std::string, std::string> labels(const Node* node);

    /// Absolute, cleaned; `~` and paths relative to the project directory are resolved.
    [[nodiscard]] std::string absolute_path(std::string_view path) const;

    /// Reports a word that is not among `words`, with a suggestion. True when it is one of them.
    bool check_word(const Node& node, const std::vector<std::string>& words, std::string_view what);

  private:
    const Tree& tree_;
    const DecodeSettings& settings_;
    Reporter& reporter_;
};

// One function per part of the model; each in its own file.
void decode_service(DecodeContext& context, const Entry& entry, Service& service,
                    std::vector<EnvFileReference>& env_files);
std::vector<Port> decode_ports(DecodeContext& context, const Node& list);
std::vector<std::string> decode_expose(DecodeContext& context, const Node& list);
std::vector<std::pair<std::string, std::string>> decode_extra_hosts(DecodeContext& context, const Node& node);
void decode_attachments(DecodeContext& context, const Node& node, Service& service);
std::vector<VolumeMount> decode_mounts(DecodeContext& context, const Node& list);
std::vector<VolumeMount> decode_tmpfs(DecodeContext& context, const Node& node);
std::vector<FileGrant> decode_grants(DecodeContext& context, const Node& list, std::string_view directory);
std::vector<EnvFileReference> decode_env_files(DecodeContext& context, const Node& node);
void decode_deploy(DecodeContext& context, const Node& map, Service& service);
void decode_resources(DecodeContext& context, const Node& root, Project& project);

}  // namespace stack::compose
