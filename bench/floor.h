/* What the floor programs share. */
#ifndef STACK_BENCH_FLOOR_H
#define STACK_BENCH_FLOOR_H

#include <stdint.h>
#include <sys/types.h>

/* Ends the program with `what: strerror(errno)`. */
_Noreturn void fail(const char* what);

/* The same when `result` is negative. */
void check(int result, const char* what);
/* Of the monotonic clock. */
int64_t now_us(void);

/* In a mount namespace of one's own: an overlay over `rootfs` with its upper layer in work/NUMBER becomes the current directory. */
void mount_overlay_root(int number, const char* rootfs, const char* work);
/* The same with the directory itself. */
void mount_directory_root(const char* rootfs);
/* Mounts /proc, /sys and /dev in the current directory and makes it the root. */
void enter_mounted_root(void);

/* A routing netlink socket in the current network namespace. */
int open_netlink(void);
/* Bridge `name` with address/16, up. */
void make_bridge(int netlink, const char* name, uint32_t address);
/* veth `name` on the bridge, up; its peer is eth0 in the network namespace of process `pid`. */
void make_veth(int netlink, const char* name, const char* bridge, pid_t pid);
/* lo and eth0 up with address/16 and a default route, in the current network namespace. */
void configure_container_links(uint32_t address, uint32_t gateway);

#endif
