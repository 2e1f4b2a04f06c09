#include "manager/compose/node_reporter.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::compose {

Diagnostic& NodeReporter::error(std::string code, std::string message, const Node& where) {
    Diagnostic& diagnostic = reporter_.error(std::move(code), std::move(message), tree_.position(where));
    diagnostic.service = service;
    return diagnostic;
}

Diagnostic& NodeReporter::warning(std::string code, std::string message, const Node& where) {
    Diagnostic& diagnostic = reporter_.warning(std::move(code), std::move(message), tree_.position(where));
    diagnostic.service = service;
    return diagnostic;
}

Diagnostic& NodeReporter::fault(Node& value, std::string message) {
    value.broken = true;
    return error("value", std::move(message), value);
}

void NodeReporter::expect_word(Node& value, const std::vector<std::string>& words, std::string_view what) {
    if (std::find(words.begin(), words.end(), value.text) != words.end()) return;
    const auto near = nearest(value.text, words);
    fault(value, fmt::format("{} can't be \"{}\"", what, value.text)).hint =
        near ? fmt::format("did you mean \"{}\"?", *near) : fmt::format("it is one of {}", join(words, ", "));
}

}  // namespace stack::compose
