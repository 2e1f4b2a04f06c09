#include "runtime/image/reference.hpp"

#include "runtime/base/error.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace stack {

namespace {

constexpr std::string_view kDefaultRegistry = "docker.io";
constexpr std::string_view kOfficialPrefix = "library/";
constexpr std::size_t kMaxNameLength = 255;
constexpr std::size_t kMaxTagLength = 128;

bool is_lower_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
    throw Error{ErrorKind::invalid_input, fmt::format("'{}' is not an image reference: {}", text, why)};
}

// path-component ::= [a-z0-9]+ ((\.|_|__|-+) [a-z0-9]+)*
bool is_path_component(std::string_view part) {
    if (part.empty() || !is_lower_alnum(part.front()) || !is_lower_alnum(part.back())) return false;
    for (std::size_t i = 0; i < part.size();) {
        if (is_lower_alnum(part[i])) {
            ++i;
            continue;
        }
        std::size_t end = i;
        while (end < part.size() && !is_lower_alnum(part[end])) ++end;
        const std::string_view separator = part.substr(i, end - i);
        const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
        if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
        i = end;
    }
    return true;
}

// [\w][\w.-]{0,127}
bool is_tag(std::string_view tag) {
    if (tag.empty() || tag.size() > kMaxTagLength) return false;
    if (!is_alnum(tag.front()) && tag.front() != '_') return false;
    return std::all_of(tag.begin(), tag.end(),
                       [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

// The first part is a registry when it has a dot or a port, is localhost, or has an upper-case letter.
bool names_registry(std::string_view part) {
    return part.find_first_of(".:") != std::string_view::npos || part == "localhost" ||
           std::any_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_registry(std::string_view text) {
    std::string_view host = text;
    if (!text.empty() && text.front() == '[') {  // IPv6 in brackets
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos || close < 3) return false;
        const std::string_view inner = text.substr(1, close - 1);
        if (inner.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
        host = text.substr(close + 1);
        if (host.empty()) return true;
        if (host.front() != ':') return false;
    }
    const std::size_t colon = host.find(':');
    if (colon != std::string_view::npos) {
        const std::string_view port = host.substr(colon + 1);
        if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos)
            return false;
        host = host.substr(0, colon);
    }
    if (text.front() == '[') return host.empty();
    if (host.empty() || !is_alnum(host.front()) || !is_alnum(host.back())) return false;
    return std::all_of(host.begin(), host.end(),
                       [](char c) { return is_alnum(c) || c == '.' || c == '-'; }) &&
           host.find("..") == std::string_view::npos;
}

void check_repository(std::string_view text, std::string_view repository) {
    if (repository.empty()) refuse(text, "it has no name");
    if (std::any_of(repository.begin(), repository.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
        refuse(text, "a repository name is lower-case");
    std::size_t start = 0;
    while (start <= repository.size()) {
        const std::size_t slash = std::min(repository.find('/', start), repository.size());
        const std::string_view part = repository.substr(start, slash - start);
        if (!is_path_component(part)) {
            refuse(text,
                   fmt::format("'{}' is not a name (letters and digits, joined by '.', '_', '__' or '-')",
                               part));
        }
        start = slash + 1;
    }
}

}  // namespace

ImageReference ImageReference::parse(std::string_view text) {
    ImageReference result;
    std::string_view rest = text;
    if (rest.empty()) refuse(text, "it is empty");
    if (rest.size() > kMaxNameLength + kMaxTagLength + 80) refuse(text.substr(0, 60), "it is too long");
    if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
        const std::string_view digest = rest.substr(at + 1);
        if (!is_sha256_digest(digest)) refuse(text, "after '@' comes sha256: and 64 lower-case hex digits");
        result.digest = digest;
        rest = rest.substr(0, at);
    }
    const std::size_t last_slash = rest.rfind('/');
    const std::size_t colon = rest.rfind(':');
    if (colon != std::string_view::npos && (last_slash == std::string_view::npos || colon > last_slash)) {
        const std::string_view tag = rest.substr(colon + 1);
        if (!is_tag(tag)) refuse(text, fmt::format("'{}' is not a tag", tag));
        result.tag = tag;
        rest = rest.substr(0, colon);
    }
    result.registry = kDefaultRegistry;
    if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
        const std::string_view first = rest.substr(0, slash);
        if (names_registry(first)) {
            if (!is_registry(first)) refuse(text, fmt::format("'{}' is not a registry", first));
            result.registry = first == "index.docker.io" ? kDefaultRegistry : first;
            rest = rest.substr(slash + 1);
        }
    }
    check_repository(text, rest);
    if (rest.size() > kMaxNameLength) refuse(text.substr(0, 60), "its name is longer than 255 characters");
    if (result.registry == kDefaultRegistry && rest.find('/') == std::string_view::npos)
        result.repository = kOfficialPrefix;
    result.repository += rest;
    if (result.tag.empty() && result.digest.empty()) result.tag = "latest";
    return result;
}

namespace {

std::string with_suffix(std::string name, const ImageReference& reference) {
    if (!reference.tag.empty()) name += ':' + reference.tag;
    if (!reference.digest.empty()) name += '@' + reference.digest;
    return name;
}

}  // namespace

std::string ImageReference::full() const {
    return with_suffix(registry + '/' + repository, *this);
}

std::string ImageReference::familiar_repository() const {
    if (registry != kDefaultRegistry) return registry + '/' + repository;
    const std::string official =
        repository.starts_with(kOfficialPrefix) ? repository.substr(kOfficialPrefix.size()) : std::string{};
    // `library/a/b` keeps its prefix: without it, `a/b` would be read as another repository.
    if (!official.empty() && official.find('/') == std::string::npos) return official;
    // Nor may `docker.io/ghcr.io/a` become `ghcr.io/a`, which is in another registry.
    const std::size_t slash = repository.find('/');
    if (slash != std::string::npos && names_registry(repository.substr(0, slash)))
        return registry + '/' + repository;
    return repository;
}

std::string ImageReference::familiar() const {
    return with_suffix(familiar_repository(), *this);
}

bool is_sha256_digest(std::string_view text) {
    constexpr std::string_view kPrefix = "sha256:";
    if (text.size() != kPrefix.size() + 64 || !text.starts_with(kPrefix)) return false;
    return text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::string digest_hex(std::string_view digest) {
    if (!is_sha256_digest(digest))
        throw Error{ErrorKind::invalid_input,
                    fmt::format("'{}' is not a sha256 digest", digest.substr(0, 100))};
    return std::string{digest.substr(7)};
}

}  // namespace stack
