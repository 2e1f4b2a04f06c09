// Reading a JSON document that strangers wrote: every access checks the type, and every complaint names the place as
// `process.args[0]`. Absent and null are the same, as in Go's encoding/json, which wrote most of these documents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stack::oci {

/// One value of a document, or the place where one could be. Refers to the document, and to the keys it was asked for, which must
/// outlive it.
class JsonNode {
  public:
    /// A document, with the name that its places begin with.
    explicit JsonNode(const nlohmann::json& document, std::string_view name = {});

    [[nodiscard]] bool present() const { return value_ != nullptr; }
    /// The member `key`; absent when this is absent. Throws Error(invalid_input) when this is no object.
    JsonNode operator[](std::string_view key) const;
    /// Calls `visit` for each item of a list, in order. Throws Error(invalid_input) for another type or too many.
    void each(const std::function<void(const JsonNode&)>& visit) const;
    /// The same for the members of an object, by key.
    void each_member(const std::function<void(const std::string&, const JsonNode&)>& visit) const;

    /// Empty or false when absent. NUL characters are refused: these texts end in system calls.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool flag() const;
    [[nodiscard]] std::vector<std::string> texts() const;
    [[nodiscard]] std::map<std::string, std::string> text_map() const;
    /// A whole number within the range of T; nullopt when absent.
    template <class T>
    [[nodiscard]] std::optional<T> number() const {
        if constexpr (std::numeric_limits<T>::is_signed) {
            const auto value = signed_number(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
            return value ? std::optional{static_cast<T>(*value)} : std::nullopt;
        } else {
            const auto value = unsigned_number(std::numeric_limits<T>::max());
            return value ? std::optional{static_cast<T>(*value)} : std::nullopt;
        }
    }
    /// The same; an error when absent.
    template <class T>
    [[nodiscard]] T required_number() const {
        const std::optional<T> value = number<T>();
        if (!value) fail("is missing");
        return *value;
    }
    /// A text that must be there and not be empty.
    [[nodiscard]] std::string required_text() const;

    /// Throws Error(invalid_input) `PATH WHY`.
    [[noreturn]] void fail(std::string_view why) const;
    [[nodiscard]] std::string path() const;

  private:
    /// The way from the document to here: a text only for complaints, as a container's configuration has hundreds of places.
    struct Way {
        struct Part {
            std::string_view key;   ///< of an object; nullptr: an index
            std::size_t index = 0;  ///< in a list
        };
        static constexpr std::size_t kMost = 12;  ///< deeper than any document that is understood here
        std::array<Part, kMost> parts{};
        std::size_t count = 0;

        [[nodiscard]] Way and_then(Part part) const;
    };
    JsonNode(const nlohmann::json* value, const Way& way);
    [[nodiscard]] std::optional<std::int64_t> signed_number(std::int64_t least, std::int64_t most) const;
    [[nodiscard]] std::optional<std::uint64_t> unsigned_number(std::uint64_t most) const;
    const nlohmann::json* value_;
    Way way_;
};

/// Parses an object of at most 8 MiB and 64 levels. `what` names the document. Throws Error(invalid_input).
nlohmann::json parse_document(std::string_view text, std::string_view what);

}  // namespace stack::oci
