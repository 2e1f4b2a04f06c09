// libnftables, loaded when first needed: it has no static library and costs milliseconds to load, which
// commands that touch no rules must not pay. libnftables(3).
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace stack::network {

/// A door to the nf_tables of the calling thread's namespace, to be used from threads in that namespace only (the
/// library may reopen its socket), one at a time. For another namespace see in_namespace.
class Nft {
  public:
    /// Throws Error(not_supported) with a hint when the library is missing.
    Nft();
    ~Nft();
    Nft(Nft&&) noexcept;
    Nft& operator=(Nft&&) noexcept;

    /// One transaction: all of `commands` or nothing. Throws Error with the kernel's words and `doing` as
    /// context.
    void apply(const std::string& commands, const std::string& doing);
    /// The output of a list command, rule handles included; nullopt when what it names does not exist.
    std::optional<std::string> list(const std::string& command);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace stack::network
