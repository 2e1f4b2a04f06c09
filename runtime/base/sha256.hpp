// SHA-256 over OpenSSL's EVP, of a stream or of a text.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace stack {

class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::span<const std::byte> bytes);
    /// `sha256:<hex>` of all that was given. Call once.
    std::string finish();

  private:
    struct Free {
        void operator()(void* context) const;
    };
    std::unique_ptr<void, Free> context_;
};

/// `sha256:<hex>`
std::string sha256_digest(std::string_view bytes);

}  // namespace stack
