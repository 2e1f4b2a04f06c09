// Image references: `redis`, `guestbook/app:1`, `registry.example:5000/team/app@sha256:…`, with Docker's
// defaults (docker.io, library/, latest). Pure text; grammar of the distribution project's reference package.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stack {

/// A normalised reference. Exactly one of `tag` and `digest` is meaningful to a store: the digest wins.
struct ImageReference {
    std::string registry;    ///< docker.io, localhost:5000
    std::string repository;  ///< library/redis
    std::string tag;     ///< "latest" when neither tag nor digest was written; may be empty beside a digest
    std::string digest;  ///< `sha256:<64 hex>` or empty
    bool operator==(const ImageReference&) const = default;

    /// Throws Error(invalid_input) that says what is wrong with `text`.
    static ImageReference parse(std::string_view text);

    /// `docker.io/library/redis:7`: the name under which the store keeps it.
    [[nodiscard]] std::string full() const;
    /// `redis:7`: the name that people read.
    [[nodiscard]] std::string familiar() const;
    /// `redis` of `redis:7`.
    [[nodiscard]] std::string familiar_repository() const;
};

/// `sha256:` and 64 lower-case hex digits, nothing else: safe to become a file name.
bool is_sha256_digest(std::string_view text);
/// The 64 hex digits of a digest. Throws Error(invalid_input) for anything that is not one.
std::string digest_hex(std::string_view digest);

}  // namespace stack
