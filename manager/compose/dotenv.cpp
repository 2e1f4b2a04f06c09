#include "manager/compose/dotenv.hpp"

#include "runtime/base/text.hpp"

#include <map>

#include <fmt/format.h>

namespace stack::compose {

namespace {

constexpr std::size_t kLargestTotal = 16u << 20;  // of all values: lines that double each other end here

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '[' || c == ']';
}
bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

class DotenvParser {
  public:
    DotenvParser(std::string_view text, const VariableLookup& environment)
        : text_{text}, environment_{environment} {
        if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    }

    Dotenv run() {
        while (!failed_) {
            skip_to_statement();
            if (at_ >= text_.size()) break;
            statement();
        }
        return std::move(result_);
    }

  private:
    void skip_to_statement() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#') {
                at_ = line_end(at_);
            } else if (is_space(c) || c == '\n') {
                ++at_;
            } else {
                return;
            }
        }
    }

    [[nodiscard]] std::size_t line_end(std::size_t from) const {
        const std::size_t end = text_.find('\n', from);
        return end == std::string_view::npos ? text_.size() : end;
    }

    void statement() {
        constexpr std::string_view kExport = "export";
        if (text_.substr(at_).starts_with(kExport) && at_ + kExport.size() < text_.size() &&
            is_space(text_[at_ + kExport.size()])) {
            at_ += kExport.size();
            while (at_ < text_.size() && is_space(text_[at_])) ++at_;
        }
        const std::size_t begin = at_, end = line_end(begin);
        std::size_t stop = begin;
        while (stop < end && text_[stop] != '=' && text_[stop] != ':') ++stop;
        const bool has_value = stop < end;
        std::string_view name = text_.substr(begin, stop - begin);
        if (!has_value)
            if (const std::size_t comment = name.find(" #"); comment != std::string_view::npos)
                name = name.substr(0, comment);
        name = trim(name);
        if (!check_name(name, begin)) return;
        const int line = line_of(begin);
        if (!has_value) {
            at_ = end;
            add(name, environment_(name), line);
            return;
        }
        at_ = stop + 1;
        const bool space = at_ < end && is_space(text_[at_]);
        while (at_ < end && is_space(text_[at_])) ++at_;
        if (at_ < end && (text_[at_] == '"' || text_[at_] == '\''))
            quoted_value(name, line);
        else
            bare_value(name, line, end, space);
    }

    bool check_name(std::string_view name, std::size_t at) {
        if (name.empty()) return fail(at, "a name is missing before \"=\"");
        for (std::size_t i = 0; i < name.size(); ++i) {
            if (is_name_char(name[i])) continue;
            if (is_space(name[i])) return fail(at + i, fmt::format("the name \"{}\" contains a space", name));
            return fail(at + i,
                        fmt::format("the name \"{}\" contains a character that is not allowed", name));
        }
        return true;
    }

    void bare_value(std::string_view name, int line, std::size_t end, bool space_before) {
        std::string_view value = text_.substr(at_, end - at_);
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (value[i] == '#' && (i == 0 ? space_before : is_space(value[i - 1]))) {
                value = value.substr(0, i);
                break;
            }
        }
        const std::size_t begin = at_;
        at_ = end;
        add_interpolated(name, std::string{trim(value)}, line, begin);
    }

    void quoted_value(std::string_view name, int line) {
        const char quote = text_[at_];
        const std::size_t begin = at_++;
        std::string value;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_.substr(at_).starts_with("\r\n")) {
                ++at_;  // a line break is `\n`, whatever the editor wrote
            } else if (text_[at_] != '\\' || at_ + 1 >= text_.size()) {
                value += text_[at_++];
            } else if (quote == '\'') {
                if (text_[at_ + 1] == '\'') ++at_;
                value += text_[at_++];
            } else {
                escape(value);
            }
        }
        if (at_ >= text_.size()) {
            fail(begin, "this quote is never closed");
            return;
        }
        ++at_;
        if (quote == '\'')
            add(name, std::move(value), line);
        else
            add_interpolated(name, std::move(value), line, begin);
    }

    // One escape sequence inside double quotes; `at_` is on the backslash.
    void escape(std::string& value) {
        const char c = text_[at_ + 1];
        at_ += 2;
        switch (c) {
            case 'a':
                value += '\a';
                return;
            case 'b':
                value += '\b';
                return;
            case 'c':
                return;
            case 'f':
                value += '\f';
                return;
            case 'n':
                value += '\n';
                return;
            case 'r':
                value += '\r';
                return;
            case 't':
                value += '\t';
                return;
            case 'v':
                value += '\v';
                return;
            case '\\':
            case '"':
                value += c;
                return;
            case '$':
                value += "$$";
                return;  // interpolation makes one of it
            case '0':
                octal(value);
                return;
            default:
                value += '\\', value += c;
        }
    }

    void octal(std::string& value) {
        int code = 0, digits = 0;
        while (digits < 3 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7') {
            code = code * 8 + (text_[at_++] - '0');
            ++digits;
        }
        const char byte = static_cast<char>(code & 0xff);
        if (byte == '$') value += '$';
        if (code != 0) value += byte;  // an environment can't hold a NUL
    }

    void add_interpolated(std::string_view name, std::string value, int line, std::size_t at) {
        if (value.find('$') == std::string::npos) {
            add(name, std::move(value), line);
            return;
        }
        InterpolatedText result =
            interpolate(value, [this](std::string_view variable) { return lookup(variable); });
        for (const auto& [unset, offset] : result.unset)
            report(at, false, "unset-variable",
                   fmt::format("variable {} is not set, an empty string is used", unset));
        if (result.failure) {
            report(at, true, result.failure->code, result.failure->message);
            return;
        }
        add(name, std::move(result.text), line);
    }

    [[nodiscard]] std::optional<std::string> lookup(std::string_view name) const {
        if (auto value = environment_(name)) return value;
        const auto found = earlier_.find(name);
        return found == earlier_.end() ? std::nullopt : std::optional{found->second};
    }

    void add(std::string_view name, std::optional<std::string> value, int line) {
        if (value) {
            total_ += value->size();
            if (total_ > kLargestTotal) {
                fail(at_, "the values grow beyond 16 MiB");
                return;
            }
            earlier_.insert_or_assign(std::string{name}, *value);
        }
        result_.entries.push_back({std::string{name}, std::move(value), line});
    }

    [[nodiscard]] int line_of(std::size_t at) {
        for (; counted_ < at && counted_ < text_.size(); ++counted_)
            if (text_[counted_] == '\n') {
                ++line_;
                line_start_ = counted_ + 1;
            }
        return line_;
    }

    void report(std::size_t at, bool is_error, std::string code, std::string message) {
        // `at` is never before what was counted except within the current statement, whose first line is known.
        const int line = at >= counted_ ? line_of(at) : line_;
        const int column = at >= line_start_ ? static_cast<int>(at - line_start_) + 1 : 1;
        result_.problems.push_back({is_error, std::move(code), std::move(message), line, column});
    }

    bool fail(std::size_t at, std::string message) {
        report(at, true, "env-syntax", std::move(message));
        failed_ = true;
        return false;
    }

    std::string_view text_;
    const VariableLookup& environment_;
    std::size_t at_ = 0;
    Dotenv result_;
    std::map<std::string, std::string, std::less<>> earlier_;
    std::size_t total_ = 0;
    bool failed_ = false;
    std::size_t counted_ = 0, line_start_ = 0;  // progress of line_of
    int line_ = 1;
};

}  // namespace

Dotenv parse_dotenv(std::string_view text, const VariableLookup& environment) {
    return DotenvParser{text, environment}.run();
}

Dotenv parse_raw_env(std::string_view text, const VariableLookup& environment) {
    Dotenv result;
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    int line = 0;
    while (!text.empty()) {
        const std::size_t newline = text.find('\n');
        std::string_view statement = text.substr(0, newline);
        text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
        ++line;
        if (statement.ends_with('\r')) statement.remove_suffix(1);
        const std::string_view trimmed = trim(statement);
        if (trimmed.empty() || trimmed[0] == '#') continue;
        const std::size_t equals = statement.find('=');
        const std::string_view name = trim(statement.substr(0, equals));
        if (name.empty() || name.find_first_of(" \t") != std::string_view::npos) {
            result.problems.push_back(
                {true, "env-syntax", fmt::format("\"{}\" is no name of a variable", name), line, 1});
            continue;
        }
        std::optional<std::string> value = equals == std::string_view::npos
                                               ? environment(name)
                                               : std::optional<std::string>{statement.substr(equals + 1)};
        result.entries.push_back({std::string{name}, std::move(value), line});
    }
    return result;
}

}  // namespace stack::compose
