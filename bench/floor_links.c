/* rtnetlink(7) by hand: the fewest messages that make a bridge, a veth pair and a container's addresses. */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr head;
    char body[1024];
};

static void start(struct request* r, unsigned short type, unsigned short flags, const void* header,
                  size_t size) {
    memset(r, 0, sizeof *r);
    r->head.nlmsg_type = type;
    r->head.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    memcpy(NLMSG_DATA(&r->head), header, size);
    r->head.nlmsg_len = (unsigned)NLMSG_LENGTH(size);
}

static struct rtattr* add(struct request* r, unsigned short type, const void* data, size_t size) {
    struct rtattr* attribute = (struct rtattr*)((char*)r + NLMSG_ALIGN(r->head.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), data, size);
    r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + (unsigned)RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end(struct request* r, struct rtattr* nest) {
    nest->rta_len = (unsigned short)((char*)r + NLMSG_ALIGN(r->head.nlmsg_len) - (char*)nest);
}

static void talk(int netlink, struct request* r, const char* what) {
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[512];
    } answer;
    if (send(netlink, r, r->head.nlmsg_len, 0) < 0 || recv(netlink, &answer, sizeof answer, 0) < 0)
        fail(what);
    if (answer.head.nlmsg_type == NLMSG_ERROR && answer.error.error != 0) {
        errno = -answer.error.error;
        fail(what);
    }
}

int open_netlink(void) {
    const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0) fail("netlink");
    return netlink;
}

static void add_address(int netlink, unsigned index, uint32_t address) {
    struct request r;
    const struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
    start(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    add(&r, IFA_LOCAL, &address, sizeof address);
    add(&r, IFA_ADDRESS, &address, sizeof address);
    talk(netlink, &r, "address");
}

static void set_up(int netlink, unsigned index) {
    struct request r;
    const struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    start(&r, RTM_NEWLINK, 0, &header, sizeof header);
    talk(netlink, &r, "link up");
}

void make_bridge(int netlink, const char* name, uint32_t address) {
    struct request r;
    const struct ifinfomsg header = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    add(&r, IFLA_IFNAME, name, strlen(name) + 1);
    struct rtattr* info = add(&r, IFLA_LINKINFO, NULL, 0);
    add(&r, IFLA_INFO_KIND, "bridge", 6);
    end(&r, info);
    talk(netlink, &r, "bridge");
    add_address(netlink, if_nametoindex(name), address);
}

void make_veth(int netlink, const char* name, const char* bridge, pid_t pid) {
    struct request r;
    const struct ifinfomsg header = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    const struct ifinfomsg peer_header = {0};
    const unsigned master = if_nametoindex(bridge);
    start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    add(&r, IFLA_IFNAME, name, strlen(name) + 1);
    add(&r, IFLA_MASTER, &master, sizeof master);
    struct rtattr* info = add(&r, IFLA_LINKINFO, NULL, 0);
    add(&r, IFLA_INFO_KIND, "veth", 4);
    struct rtattr* data = add(&r, IFLA_INFO_DATA, NULL, 0);
    struct rtattr* peer = add(&r, VETH_INFO_PEER, &peer_header, sizeof peer_header);
    add(&r, IFLA_IFNAME, "eth0", 5);
    add(&r, IFLA_NET_NS_PID, &pid, sizeof pid);
    end(&r, peer);
    end(&r, data);
    end(&r, info);
    talk(netlink, &r, "veth");
}

void configure_container_links(uint32_t address, uint32_t gateway) {
    const int netlink = open_netlink();
    const unsigned eth0 = if_nametoindex("eth0");
    struct request r;
    const struct rtmsg route = {.rtm_family = AF_INET,
                                .rtm_table = RT_TABLE_MAIN,
                                .rtm_protocol = RTPROT_BOOT,
                                .rtm_scope = RT_SCOPE_UNIVERSE,
                                .rtm_type = RTN_UNICAST};
    set_up(netlink, if_nametoindex("lo"));
    add_address(netlink, eth0, address);
    set_up(netlink, eth0);
    start(&r, RTM_NEWROUTE, NLM_F_CREATE, &route, sizeof route);
    add(&r, RTA_GATEWAY, &gateway, sizeof gateway);
    talk(netlink, &r, "route");
    close(netlink);
}
