#include "network/dns_redirect.hpp"

#include "runtime/base/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>

#include <string>
#include <vector>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

// The table, as nft would print it (U and T are the ports of the server's sockets):
//
//   table ip stack-dns {
//       chain query {
//           type filter hook output priority mangle
//           ip daddr 127.0.0.11 udp dport 53 udp dport set U
//           ip daddr 127.0.0.11 tcp dport 53 tcp dport set T
//       }
//       chain reply {
//           type filter hook output priority raw
//           ip saddr 127.0.0.11 udp sport U udp sport set 53
//           ip saddr 127.0.0.11 tcp sport T tcp sport set 53
//       }
//   }
//
// Priorities: a query is rewritten after connection tracking (-200) and a reply before it, so that a
// container that does track connections sees one conversation with port 53.

namespace stack::network {

namespace {

constexpr const char* kTable = "stack-dns";
constexpr std::uint32_t kServerAddress = 0x7f00000b;  // 127.0.0.11
constexpr std::uint16_t kQueryPort = 53;
constexpr int kPriorityRaw = -300;
constexpr int kPriorityMangle = -150;

NetlinkMessage nft_message(int type, int flags) {
    NetlinkMessage message{NFNL_SUBSYS_NFTABLES << 8 | type, flags};
    message.header(nfgenmsg{AF_INET, NFNETLINK_V0, 0});
    return message;
}

NetlinkMessage new_table() {
    NetlinkMessage message = nft_message(NFT_MSG_NEWTABLE, NLM_F_CREATE);
    message.put_string(NFTA_TABLE_NAME, kTable);
    return message;
}

NetlinkMessage new_chain(const char* name, int priority) {
    NetlinkMessage message = nft_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    message.put_string(NFTA_CHAIN_TABLE, kTable).put_string(NFTA_CHAIN_NAME, name);
    message.put_string(NFTA_CHAIN_TYPE, "filter");
    message.nest(NFTA_CHAIN_HOOK, [&](NetlinkMessage& hook) {
        hook.put_u32(NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_OUT));
        hook.put_u32(NFTA_HOOK_PRIORITY, htonl(static_cast<std::uint32_t>(priority)));
    });
    return message;
}

// One element of a rule's expression list; its attributes are filled in by the caller.
void expression(NetlinkMessage& list, const char* name, const std::function<void(NetlinkMessage&)>& fill) {
    list.nest(NFTA_LIST_ELEM, [&](NetlinkMessage& element) {
        element.put_string(NFTA_EXPR_NAME, name);
        element.nest(NFTA_EXPR_DATA, fill);
    });
}

void put_value(NetlinkMessage& message, int attribute, const void* data, std::size_t size) {
    message.nest(attribute, [&](NetlinkMessage& value) { value.put(NFTA_DATA_VALUE, data, size); });
}

void load(NetlinkMessage& list, std::uint32_t base, std::size_t offset, std::size_t length) {
    expression(list, "payload", [&](NetlinkMessage& payload) {
        payload.put_u32(NFTA_PAYLOAD_DREG, htonl(NFT_REG_1)).put_u32(NFTA_PAYLOAD_BASE, htonl(base));
        payload.put_u32(NFTA_PAYLOAD_OFFSET, htonl(static_cast<std::uint32_t>(offset)));
        payload.put_u32(NFTA_PAYLOAD_LEN, htonl(static_cast<std::uint32_t>(length)));
    });
}

void load_protocol(NetlinkMessage& list) {
    expression(list, "meta", [](NetlinkMessage& meta) {
        meta.put_u32(NFTA_META_KEY, htonl(NFT_META_L4PROTO)).put_u32(NFTA_META_DREG, htonl(NFT_REG_1));
    });
}

template <class Value>
void require_equal(NetlinkMessage& list, Value value) {
    expression(list, "cmp", [&](NetlinkMessage& compare) {
        compare.put_u32(NFTA_CMP_SREG, htonl(NFT_REG_1)).put_u32(NFTA_CMP_OP, htonl(NFT_CMP_EQ));
        put_value(compare, NFTA_CMP_DATA, &value, sizeof value);
    });
}

void store_port(NetlinkMessage& list, std::uint16_t port, std::size_t offset, std::size_t checksum_offset) {
    const std::uint16_t wire = htons(port);
    expression(list, "immediate", [&](NetlinkMessage& immediate) {
        immediate.put_u32(NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1));
        put_value(immediate, NFTA_IMMEDIATE_DATA, &wire, sizeof wire);
    });
    expression(list, "payload", [&](NetlinkMessage& payload) {
        payload.put_u32(NFTA_PAYLOAD_SREG, htonl(NFT_REG_1));
        payload.put_u32(NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_TRANSPORT_HEADER));
        payload.put_u32(NFTA_PAYLOAD_OFFSET, htonl(static_cast<std::uint32_t>(offset)));
        payload.put_u32(NFTA_PAYLOAD_LEN, htonl(sizeof wire));
        payload.put_u32(NFTA_PAYLOAD_CSUM_TYPE, htonl(NFT_PAYLOAD_CSUM_INET));
        payload.put_u32(NFTA_PAYLOAD_CSUM_OFFSET, htonl(static_cast<std::uint32_t>(checksum_offset)));
    });
}

struct Rewrite {
    const char* chain;
    std::uint8_t protocol;
    bool query;  // match and rewrite the destination; otherwise the source
    std::uint16_t from;
    std::uint16_t to;
};

NetlinkMessage new_rule(const Rewrite& rewrite) {
    // Source and destination port have the same places in TCP and UDP.
    const std::size_t address_offset = rewrite.query ? offsetof(iphdr, daddr) : offsetof(iphdr, saddr);
    const std::size_t port_offset = rewrite.query ? offsetof(udphdr, uh_dport) : offsetof(udphdr, uh_sport);
    const std::size_t checksum =
        rewrite.protocol == IPPROTO_UDP ? offsetof(udphdr, uh_sum) : offsetof(tcphdr, th_sum);
    NetlinkMessage message = nft_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    message.put_string(NFTA_RULE_TABLE, kTable).put_string(NFTA_RULE_CHAIN, rewrite.chain);
    message.nest(NFTA_RULE_EXPRESSIONS, [&](NetlinkMessage& list) {
        load(list, NFT_PAYLOAD_NETWORK_HEADER, address_offset, sizeof(std::uint32_t));
        require_equal(list, htonl(kServerAddress));
        load_protocol(list);
        require_equal(list, rewrite.protocol);
        load(list, NFT_PAYLOAD_TRANSPORT_HEADER, port_offset, sizeof(std::uint16_t));
        require_equal(list, htons(rewrite.from));
        store_port(list, rewrite.to, port_offset, checksum);
    });
    return message;
}

}  // namespace

void install_dns_redirect(std::uint16_t udp_port, std::uint16_t tcp_port) {
    NetlinkSocket socket{NETLINK_NETFILTER};
    std::vector<NetlinkSocket::Step> steps;
    const auto step = [&](NetlinkMessage message) {
        steps.push_back({std::move(message), "redirect DNS queries"});
    };
    step(new_table());
    step(new_chain("query", kPriorityMangle));
    step(new_chain("reply", kPriorityRaw));
    step(new_rule({"query", IPPROTO_UDP, true, kQueryPort, udp_port}));
    step(new_rule({"query", IPPROTO_TCP, true, kQueryPort, tcp_port}));
    step(new_rule({"reply", IPPROTO_UDP, false, udp_port, kQueryPort}));
    step(new_rule({"reply", IPPROTO_TCP, false, tcp_port, kQueryPort}));
    socket.transaction(std::move(steps));
}

}  // namespace stack::network
