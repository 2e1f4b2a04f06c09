#include "manager/plan/container_files.hpp"

#include "runtime/base/text.hpp"

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

std::string resolv_conf(std::string_view host_resolv_conf) {
    std::string search;  // the last `search` or `domain` line holds (resolv.conf(5))
    std::string options;
    for (const std::string& line : split(host_resolv_conf, '\n')) {
        std::string words = line;
        for (char& c : words)
            if (c == '\t' || c == '\r') c = ' ';
        std::vector<std::string> parts;
        for (const std::string& word : split(words, ' '))
            if (!word.empty()) parts.push_back(word);
        if (parts.size() < 2) continue;
        const std::string keyword = parts.front();
        parts.erase(parts.begin());
        if (keyword == "search" || keyword == "domain") search = join(parts, " ");
        if (keyword == "options")
            for (const std::string& option : parts)
                if (option.rfind("ndots:", 0) != 0) options += option + " ";
    }
    std::string text = "nameserver 127.0.0.11\n";
    if (!search.empty() && search != ".") text += fmt::format("search {}\n", search);
    return text + fmt::format("options {}ndots:0\n", options);
}

}  // namespace stack::plan
