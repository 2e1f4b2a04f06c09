/* The two halves of the floor program. */
#ifndef STACK_BENCH_FLOOR_H
#define STACK_BENCH_FLOOR_H

#include <stdint.h>
#include <sys/types.h>

/* Ends the program with `what: strerror(errno)`. */
_Noreturn void fail(const char* what);

/* A routing netlink socket in the current network namespace. */
int open_netlink(void);
/* Bridge `name` with address/16, up. */
void make_bridge(int netlink, const char* name, uint32_t address);
/* veth `name` on the bridge, up; its peer is eth0 in the network namespace of process `pid`. */
void make_veth(int netlink, const char* name, const char* bridge, pid_t pid);
/* lo and eth0 up with address/16 and a default route, in the current network namespace. */
void configure_container_links(uint32_t address, uint32_t gateway);

#endif
