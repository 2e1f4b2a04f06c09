#include "manager/compose/short_syntax.hpp"

#include "runtime/base/text.hpp"
#include "runtime/base/units.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace stack::compose {

namespace {

struct PortRange {
    std::uint16_t first = 0, last = 0;
    [[nodiscard]] int length() const { return last - first + 1; }
    [[nodiscard]] std::string text() const {
        return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
    }
};

std::optional<PortRange> parse_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_port_number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port_number(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return PortRange{*first, *last};
}

// Cuts `/tcp` off the end of `text`; nullopt for a protocol that doesn't exist.
std::optional<std::string> take_protocol(std::string_view& text) {
    const std::size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return "tcp";
    const std::string protocol = to_lower(text.substr(slash + 1));
    text = text.substr(0, slash);
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return std::nullopt;
    return protocol;
}

constexpr std::string_view kPortForms =
    "write CONTAINER, HOST:CONTAINER or IP:HOST:CONTAINER, with /udp if need be";

bool is_propagation(std::string_view word) {
    return word == "private" || word == "rprivate" || word == "shared" || word == "rshared" ||
           word == "slave" || word == "rslave";
}

// The parts of a mount between colons; those inside `${}` (text that was not interpolated) don't count.
std::vector<std::string_view> mount_parts(std::string_view text) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    int braces = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{' && i > 0 && text[i - 1] == '$') ++braces;
        if (text[i] == '}' && braces > 0) --braces;
        if (text[i] != ':' || braces > 0) continue;
        parts.push_back(text.substr(begin, i - begin));
        begin = i + 1;
    }
    parts.push_back(text.substr(begin));
    return parts;
}

void apply_mount_options(ShortMount& mount, std::string_view options) {
    for (const std::string& option : split(options, ',')) {
        if (option == "ro") mount.read_only = true;
        if (option == "nocopy") mount.nocopy = true;
        if (option == "z" || option == "Z") mount.selinux = option;
        if (is_propagation(option)) mount.propagation = option;
    }
}

}  // namespace

std::optional<std::uint16_t> parse_port_number(std::string_view text) {
    std::uint16_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size() || value == 0)
        return std::nullopt;
    return value;
}

bool is_ip_address(std::string_view text) {
    const std::string address{text};
    unsigned char buffer[sizeof(struct in6_addr)];
    return ::inet_pton(AF_INET, address.c_str(), buffer) == 1 ||
           ::inet_pton(AF_INET6, address.c_str(), buffer) == 1;
}

Parsed<std::vector<Port>> parse_ports(std::string_view text) {
    const auto problem = [text](std::string why, std::string_view hint = kPortForms) {
        return SyntaxProblem{fmt::format("invalid port \"{}\": {}", text, why), std::string{hint}};
    };
    std::string_view rest = text;
    const std::optional<std::string> protocol = take_protocol(rest);
    if (!protocol) return problem("the protocol must be tcp, udp or sctp");

    const std::size_t colon = rest.rfind(':');
    const std::string_view container_text = colon == std::string_view::npos ? rest : rest.substr(colon + 1);
    std::string_view host_text = colon == std::string_view::npos ? std::string_view{} : rest.substr(0, colon);
    std::string_view address;
    if (const std::size_t second = host_text.rfind(':'); second != std::string_view::npos) {
        address = host_text.substr(0, second);
        host_text = host_text.substr(second + 1);
        if (address.starts_with('[') && address.ends_with(']'))
            address = address.substr(1, address.size() - 2);
        const bool any = second == 0;  // "${BIND:-}:8080:80" with nothing to bind to
        if (!any && !is_ip_address(address))
            return problem(fmt::format("\"{}\" is not an IP address", address));
    }
    if (container_text.empty()) return problem("the container port is missing");
    const auto container = parse_range(container_text);
    if (!container) return problem(fmt::format("\"{}\" is not a port from 1 to 65535", container_text));
    std::optional<PortRange> host;
    if (!host_text.empty()) {
        host = parse_range(host_text);
        if (!host && is_ip_address(host_text))
            return problem("an address needs a host port, which may be empty",
                           fmt::format("write {}::{}", host_text, container_text));
        if (!host) return problem(fmt::format("\"{}\" is not a port from 1 to 65535", host_text));
        if (container->length() != 1 && container->length() != host->length())
            return problem("the ranges differ in length");
    }

    Port port;
    port.host_ip = address;
    port.protocol = *protocol;
    if (container->length() == 1) {
        port.target = container->first;
        if (host) port.published = host->text();
        return std::vector<Port>{port};
    }
    std::vector<Port> ports;
    for (int i = 0; i < container->length(); ++i) {
        port.target = static_cast<std::uint16_t>(container->first + i);
        if (host) port.published = std::to_string(host->first + i);
        ports.push_back(port);
    }
    return ports;
}

Parsed<std::string> parse_exposed_port(std::string_view text) {
    std::string_view rest = text;
    const bool has_protocol = rest.find('/') != std::string_view::npos;
    const std::optional<std::string> protocol = take_protocol(rest);
    const auto range = parse_range(rest);
    if (!protocol || !range)
        return SyntaxProblem{fmt::format("invalid port \"{}\"", text), "write 80, 8000-8010 or 53/udp"};
    return has_protocol ? fmt::format("{}/{}", range->text(), *protocol) : range->text();
}

Parsed<ShortMount> parse_mount(std::string_view text) {
    const auto problem = [text](std::string_view why) {
        return SyntaxProblem{fmt::format("invalid volume \"{}\": {}", text, why),
                             "write TARGET, SOURCE:TARGET or SOURCE:TARGET:ro"};
    };
    if (text.find('\\') != std::string_view::npos) return problem("Windows paths are not supported");
    const std::vector<std::string_view> parts = mount_parts(text);
    if (parts.size() > 3) return problem("too many colons");
    for (const std::string_view part : parts)
        if (part.empty()) return problem("a part of it is empty");
    ShortMount mount;
    if (parts.size() == 1) {
        mount.target = clean_path(parts[0]);
        return mount;
    }
    mount.source = parts[0];
    mount.target = clean_path(parts[1]);
    const char first = mount.source[0];
    mount.is_bind = first == '.' || first == '/' || first == '~';
    if (parts.size() == 3) apply_mount_options(mount, parts[2]);
    return mount;
}

std::string short_mount_target(std::string_view text) {
    const Parsed<ShortMount> parsed = parse_mount(text);
    const auto* mount = std::get_if<ShortMount>(&parsed);
    return mount ? mount->target : std::string{};
}

Parsed<VolumeMount> parse_tmpfs(std::string_view text) {
    const std::size_t colon = text.find(':');
    VolumeMount mount;
    mount.type = VolumeMount::Type::tmpfs;
    mount.target = clean_path(text.substr(0, colon));
    if (!mount.target.starts_with('/'))
        return SyntaxProblem{fmt::format("invalid tmpfs \"{}\": the path must be absolute", text),
                             "write /path or /path:size=64m,mode=1777"};
    if (colon == std::string_view::npos) return mount;
    for (const std::string& option : split(text.substr(colon + 1), ',')) {
        if (option.empty()) continue;
        if (option.starts_with("size=")) {
            mount.tmpfs_size_bytes = parse_bytes(std::string_view{option}.substr(5));
            if (!mount.tmpfs_size_bytes)
                return SyntaxProblem{
                    fmt::format("invalid tmpfs \"{}\": \"{}\" is not a size", text, option.substr(5)),
                    "write a number of bytes, or one with a unit: 64m"};
        } else if (option.starts_with("mode=")) {
            std::uint32_t mode = 0;
            const char* end = option.data() + option.size();
            const auto result = std::from_chars(option.data() + 5, end, mode, 8);
            if (result.ec != std::errc{} || result.ptr != end || mode > 07777)
                return SyntaxProblem{
                    fmt::format("invalid tmpfs \"{}\": \"{}\" is not a mode", text, option.substr(5)),
                    "write octal digits: 1777"};
            mount.tmpfs_mode = mode;
        } else if (option == "ro") {
            mount.read_only = true;
        } else if (option != "rw") {
            mount.tmpfs_options.push_back(option);
        }
    }
    return mount;
}

Parsed<ShortDevice> parse_device(std::string_view text) {
    const std::vector<std::string> parts = split(text, ':');
    const bool blank =
        std::any_of(parts.begin(), parts.end(), [](const std::string& p) { return p.empty(); });
    if (blank || parts.size() > 3)
        return SyntaxProblem{fmt::format("invalid device \"{}\": {}", text,
                                         blank ? "a part of it is empty" : "too many colons"),
                             "write HOST, HOST:CONTAINER or HOST:CONTAINER:rwm"};
    return ShortDevice{parts[0], parts.size() > 1 ? parts[1] : parts[0], parts.size() > 2 ? parts[2] : "rwm"};
}

Parsed<std::vector<std::pair<std::string, std::string>>> parse_extra_host(std::string_view text) {
    std::size_t cut = text.find('=');
    if (cut == std::string_view::npos) cut = text.find(':');
    const auto problem = [text](std::string_view why) {
        return SyntaxProblem{fmt::format("invalid extra host \"{}\": {}", text, why), "write HOST=ADDRESS"};
    };
    if (cut == std::string_view::npos) return problem("the address is missing");
    const std::string_view host = trim(text.substr(0, cut));
    if (host.empty()) return problem("the host name is missing");
    std::vector<std::pair<std::string, std::string>> result;
    for (const std::string& item : split(text.substr(cut + 1), ',')) {
        std::string_view address = trim(item);
        if (address.starts_with('[') && address.ends_with(']'))
            address = address.substr(1, address.size() - 2);
        if (address != "host-gateway" && !is_ip_address(address))
            return problem(fmt::format("\"{}\" is not an IP address", address));
        result.emplace_back(host, address);
    }
    return result;
}

Parsed<RestartPolicy> parse_restart(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view word = text.substr(0, colon);
    RestartPolicy policy;
    if (word == "always") {
        policy.kind = RestartPolicy::Kind::always;
    } else if (word == "on-failure") {
        policy.kind = RestartPolicy::Kind::on_failure;
    } else if (word == "unless-stopped") {
        policy.kind = RestartPolicy::Kind::unless_stopped;
    } else if (word != "no") {
        const auto near = nearest(word, {"no", "always", "on-failure", "unless-stopped"});
        return SyntaxProblem{fmt::format("invalid restart policy \"{}\"", text),
                             near ? fmt::format("did you mean \"{}\"?", *near)
                                  : "it is one of no, always, on-failure, unless-stopped"};
    }
    if (colon == std::string_view::npos) return policy;
    const auto attempts = parse_int(text.substr(colon + 1));
    if (policy.kind != RestartPolicy::Kind::on_failure || !attempts || *attempts < 0 || *attempts > 1'000'000)
        return SyntaxProblem{fmt::format("invalid restart policy \"{}\"", text),
                             "only on-failure takes a number: on-failure:5"};
    policy.max_attempts = static_cast<int>(*attempts);
    return policy;
}

Parsed<std::vector<std::string>> split_shell_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
            continue;
        }
        in_word = true;
        if (c == '\'' || c == '"') {
            // As in a shell: a backslash in double quotes is special before `"`, `\`, `$` and a backquote only.
            for (++i; i < text.size() && text[i] != c; ++i) {
                const bool escapes = c == '"' && text[i] == '\\' && i + 1 < text.size() &&
                                     std::string_view{"\"\\$`"}.find(text[i + 1]) != std::string_view::npos;
                if (escapes) ++i;
                word += text[i];
            }
            if (i >= text.size())
                return SyntaxProblem{
                    fmt::format("a {} in the command is never closed", c == '"' ? "\"" : "'"),
                    "close the quote, or write the command as a list"};
        } else if (c == '\\' && i + 1 < text.size()) {
            word += text[++i];
        } else {
            word += c;
        }
    }
    if (in_word) words.push_back(std::move(word));
    return words;
}

std::string clean_path(std::string_view path) {
    if (path.empty()) return {};
    const bool absolute = path.starts_with('/');
    std::vector<std::string_view> kept;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        if (part.empty() || part == ".") continue;
        if (part == ".." && !kept.empty() && kept.back() != "..")
            kept.pop_back();
        else if (part != ".." || !absolute)
            kept.push_back(part);
    }
    std::string result = absolute ? "/" : "";
    for (std::size_t i = 0; i < kept.size(); ++i) {
        if (i > 0) result += '/';
        result += kept[i];
    }
    return result.empty() ? "." : result;
}

}  // namespace stack::compose
