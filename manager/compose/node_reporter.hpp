// What is wrong with a node, told at its place and under the name of the service that it belongs to.
#pragma once

#include "manager/compose/reporter.hpp"
#include "manager/compose/short_syntax.hpp"
#include "manager/compose/tree.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stack::compose {

class NodeReporter {
  public:
    NodeReporter(const Tree& tree, Reporter& reporter) : tree_{tree}, reporter_{reporter} {}

    std::string service;  ///< the one being looked at; empty outside of services

    Diagnostic& error(std::string code, std::string message, const Node& where);
    Diagnostic& warning(std::string code, std::string message, const Node& where);
    /// A value that can't stand: reported, and marked so that later phases pass it over.
    Diagnostic& fault(Node& value, std::string message);
    /// What was parsed, or nullptr after a fault.
    template <class T>
    T* accept(Parsed<T>& parsed, Node& value) {
        if (auto* problem = std::get_if<SyntaxProblem>(&parsed)) {
            fault(value, std::move(problem->message)).hint = std::move(problem->hint);
            return nullptr;
        }
        return &std::get<T>(parsed);
    }
    /// A fault with a suggestion when the word is not among `words`.
    void expect_word(Node& value, const std::vector<std::string>& words, std::string_view what);

    [[nodiscard]] Position position(const Node& node) const { return tree_.position(node); }
    [[nodiscard]] Reporter& reporter() { return reporter_; }

  private:
    const Tree& tree_;
    Reporter& reporter_;
};

}  // namespace stack::compose
