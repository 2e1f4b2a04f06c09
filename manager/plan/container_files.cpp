#include "manager/plan/container_files.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace stack::plan {

std::string hosts_file(const HostsInputs& inputs) {
    std::string text =
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::\tip6-localnet\n"
        "ff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\n"
        "ff02::2\tip6-allrouters\n";
    for (const auto& [host, address] : inputs.extra_hosts) {
        const std::string& value = address == "host-gateway" ? inputs.host_gateway : address;
        if (!value.empty()) text += fmt::format("{}\t{}\n", value, host);
    }
    std::string own = inputs.hostname;
    if (!inputs.domainname.empty()) own = fmt::format("{0}.{1} {0}", inputs.hostname, inputs.domainname);
    for (const std::string& address : inputs.addresses) text += fmt::format("{}\t{}\n", address, own);
    return text;
}

std::string hostname_file(std::string_view hostname) {
    return std::string{hostname} + "\n";
}

namespace {

struct ResolverLines {
    std::vector<std::string> servers, search, options;
};

ResolverLines parse_resolver_lines(std::string_view text) {
    ResolverLines lines;
    for (const std::string& line : split(text, '\n')) {
        std::string words = line;
        for (char& c : words)
            if (c == '\t' || c == '\r') c = ' ';
        std::vector<std::string> parts;
        for (const std::string& word : split(words, ' '))
            if (!word.empty()) parts.push_back(word);
        if (parts.size() < 2) continue;
        const std::string keyword = parts.front();
        parts.erase(parts.begin());
        if (keyword == "nameserver") lines.servers.push_back(parts.front());
        // The last `search` or `domain` line holds (resolv.conf(5)).
        if (keyword == "search" || keyword == "domain") lines.search = parts;
        if (keyword == "options") lines.options.insert(lines.options.end(), parts.begin(), parts.end());
    }
    return lines;
}

void choose(std::vector<std::string>& lines, const std::vector<std::string>& chosen) {
    if (!chosen.empty()) lines = chosen;
}

std::string resolver_text(const ResolverLines& lines) {
    std::string text;
    for (const std::string& server : lines.servers) text += fmt::format("nameserver {}\n", server);
    const bool none = lines.search.size() == 1 && lines.search.front() == ".";
    if (!lines.search.empty() && !none) text += fmt::format("search {}\n", join(lines.search, " "));
    if (!lines.options.empty()) text += fmt::format("options {}\n", join(lines.options, " "));
    return text;
}

}  // namespace

std::string resolv_conf(std::string_view host_resolv_conf, const ResolverChoices& choices) {
    ResolverLines lines = parse_resolver_lines(host_resolv_conf);
    const auto is_ndots = [](const std::string& option) { return option.starts_with("ndots:"); };
    std::erase_if(lines.options, is_ndots);
    lines.servers = {"127.0.0.11"};
    choose(lines.search, choices.search);
    choose(lines.options, choices.options);
    if (std::none_of(lines.options.begin(), lines.options.end(), is_ndots))
        lines.options.emplace_back("ndots:0");
    return resolver_text(lines);
}

std::string host_resolv_conf(std::string_view host_resolv_conf, const ResolverChoices& choices) {
    if (choices.servers.empty() && choices.search.empty() && choices.options.empty())
        return std::string{host_resolv_conf};
    ResolverLines lines = parse_resolver_lines(host_resolv_conf);
    choose(lines.servers, choices.servers);
    choose(lines.search, choices.search);
    choose(lines.options, choices.options);
    return resolver_text(lines);
}

}  // namespace stack::plan
