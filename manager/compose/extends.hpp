// `extends`: a service takes over the definition of another one, of its own file or another, and is laid over it by the
// rules of merge.hpp. Chains are followed to their end, each service is worked out once. Reading other files is left to
// the caller. Follows the Compose specification's chapter on extends: what the base refers to (networks, volumes,
// dependencies) comes along as a reference and is not imported.
#pragma once

#include "manager/compose/document_reader.hpp"
#include "manager/compose/reporter.hpp"
#include "manager/compose/tree.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace stack::compose {

class ExtendsResolver {
  public:
    /// Reads a base file, already interpolated; `place` names it. nullptr after an error. Asked once for each file.
    using LoadBase = std::function<Node*(const std::string& path, const Node& place)>;

    /// The references must outlive the resolver. One resolver serves all documents of a model.
    ExtendsResolver(Tree& tree, Reporter& reporter, DocumentReader& documents, LoadBase load_base)
        : tree_{tree}, reporter_{reporter}, documents_{documents}, load_base_{std::move(load_base)} {}

    /// Works out all `extends` of a checked document, which are gone afterwards. False when one could not be, which has
    /// been reported; its service then stands as it is written.
    bool resolve(Node& document);

  private:
    struct Service {
        Entry* entry;
        bool resolved = false;
    };
    /// The services of one file that can extend each other.
    struct Scope {
        std::string file;      ///< absolute path
        bool is_base = false;  ///< only what is extended is looked at, so that is checked when it is
        std::unordered_map<std::string_view, Service> services;
    };
    struct Step {
        Service* service;
        const Node* extends;
    };

    [[nodiscard]] Scope scope_of(Node& document) const;
    void resolve(Scope& scope, Service& service);
    Service* base_of(const Node& extends, const Service& service, Scope*& scope);
    Scope* base_scope(const std::string& path, const Node& place);
    void lay_over(const Node* base, const Step& step);
    void report_cycle(const std::vector<Step>& steps, const Step& again);
    void report_missing(const Node& name, const Service& service, const Scope& scope, bool other_file);
    [[nodiscard]] std::string describe(const Service& service) const;

    Tree& tree_;
    Reporter& reporter_;
    DocumentReader& documents_;
    LoadBase load_base_;
    std::map<std::string, std::unique_ptr<Scope>> base_scopes_;  // by path; nullptr: could not be read
    bool complete_ = true;
    bool out_of_budget_ = false;
};

/// True when a service of the document has `extends`.
bool uses_extends(const Node& document);

}  // namespace stack::compose
