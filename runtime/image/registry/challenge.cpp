#include "runtime/image/registry/challenge.hpp"

#include "runtime/base/text.hpp"

#include <optional>
#include <utility>

namespace stack::registry {

namespace {

constexpr std::size_t kMaxChallenge = 8u << 10;
constexpr std::size_t kMaxItems = 16;

bool is_token_character(char c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
}

class ChallengeReader {
  public:
    explicit ChallengeReader(std::string_view text) : text_{text.substr(0, kMaxChallenge)} {}

    std::vector<Challenge> read() {
        std::vector<Challenge> result;
        while (result.size() < kMaxItems) {
            skip(" \t,");
            Challenge challenge;
            challenge.scheme = to_lower(token());
            if (challenge.scheme.empty()) break;
            const bool legible = read_parameters(challenge);
            result.push_back(std::move(challenge));
            if (!legible) break;
        }
        return result;
    }

  private:
    // Ends before a word that no '=' follows: the next scheme.
    bool read_parameters(Challenge& challenge) {
        for (std::size_t count = 0; count < kMaxItems; ++count) {
            skip(" \t,");
            const std::size_t start = at_;
            const std::string name = to_lower(token());
            if (name.empty()) return at_ == text_.size();
            skip(" \t");
            if (!take('=')) {
                at_ = start;
                return true;
            }
            skip(" \t");
            const auto value = take('"') ? quoted() : std::optional{token()};
            if (!value) return false;
            challenge.parameters.emplace(name, *value);
        }
        return false;
    }

    void skip(std::string_view characters) {
        while (at_ < text_.size() && characters.find(text_[at_]) != std::string_view::npos) ++at_;
    }
    bool take(char wanted) {
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    std::string token() {
        const std::size_t start = at_;
        while (at_ < text_.size() && is_token_character(text_[at_])) ++at_;
        return std::string{text_.substr(start, at_ - start)};
    }
    // nullopt without a closing quote.
    std::optional<std::string> quoted() {
        std::string value;
        while (at_ < text_.size()) {
            char c = text_[at_++];
            if (c == '"') return value;
            if (c == '\\' && at_ < text_.size()) c = text_[at_++];
            value += c;
        }
        return std::nullopt;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string{} : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view value) {
    return ChallengeReader{value}.read();
}

}  // namespace stack::registry
