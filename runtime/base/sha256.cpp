#include "runtime/base/sha256.hpp"

#include "runtime/base/error.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace stack {

namespace {

EVP_MD_CTX* context_of(void* pointer) {
    return static_cast<EVP_MD_CTX*>(pointer);
}

void require(int result) {
    if (result != 1) throw Error{ErrorKind::internal, "SHA-256 is not available in libcrypto"};
}

}  // namespace

void Sha256::Free::operator()(void* context) const {
    EVP_MD_CTX_free(context_of(context));
}

Sha256::Sha256() : context_{EVP_MD_CTX_new()} {
    if (!context_) throw std::bad_alloc{};
    require(EVP_DigestInit_ex(context_of(context_.get()), EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
    require(EVP_DigestUpdate(context_of(context_.get()), bytes.data(), bytes.size()));
}

std::string Sha256::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned length = 0;
    require(EVP_DigestFinal_ex(context_of(context_.get()), raw.data(), &length));
    std::string text = "sha256:";
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", raw[i]);
    return text;
}

std::string sha256_digest(std::string_view bytes) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span{bytes.data(), bytes.size()}));
    return hash.finish();
}

}  // namespace stack
