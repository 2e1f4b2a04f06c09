/*
 * floor N ROOTFS WORK-DIRECTORY: the least a Linux host must do for N containers on one network, in one thread.
 * Makes a network namespace with a bridge, and per container: six namespaces, a veth pair with addresses and a
 * route, an overlay, /proc, /sys, /dev, a new root, and an exec of `/bin/stack-payload sleep`; then takes all
 * down again. No cgroups, DNS, NAT, logs, capabilities or seccomp: no runtime can be faster and still be one.
 * Prints `up MICROSECONDS down MICROSECONDS`.
 */
#include "floor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct container {
    pid_t pid;
    int go;    /* write end: the child may look for its link */
    int ready; /* read end: closed by exec */
};

static uint32_t address(int number) {
    return htonl(0x0a4d0000u + (unsigned)number);
} /* 10.77.0.0/16 */

static _Noreturn void run_container(int number, const char* rootfs, const char* work, int go) {
    char byte;
    check(sethostname("floor", 5), "hostname");
    mount_overlay_root(number, rootfs, work);
    enter_mounted_root();
    if (read(go, &byte, 1) != 1) _exit(1);
    configure_container_links(address(number + 2), address(1));
    char* const argv[] = {"stack-payload", "sleep", NULL};
    char* const env[] = {"PATH=/bin", NULL};
    execve("/bin/stack-payload", argv, env);
    fail("exec");
}

static struct container create(int number, const char* rootfs, const char* work) {
    struct container made;
    int go[2], ready[2];
    check(pipe2(go, O_CLOEXEC), "pipe");
    check(pipe2(ready, O_CLOEXEC), "pipe");
    const struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD,
    };
    made.pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    check(made.pid, "clone3");
    if (made.pid == 0) run_container(number, rootfs, work, go[0]);
    close(go[0]);
    close(ready[1]);
    made.go = go[1];
    made.ready = ready[0];
    return made;
}

int main(int argc, char** argv) {
    const int count = argc == 4 ? atoi(argv[1]) : 0;
    struct container* all = calloc((size_t)count + 1, sizeof *all);
    if (count <= 0 || all == NULL) {
        fputs("usage: floor N ROOTFS WORK-DIRECTORY\n", stderr);
        return 2;
    }
    const int64_t start = now_us();
    check(unshare(CLONE_NEWNET), "unshare");
    const int netlink = open_netlink();
    make_bridge(netlink, "floor0", address(1));
    for (int i = 0; i < count; ++i) {
        char name[16];
        all[i] = create(i, argv[2], argv[3]);
        snprintf(name, sizeof name, "veth%d", i);
        make_veth(netlink, name, "floor0", all[i].pid);
        if (write(all[i].go, "g", 1) != 1) fail("write");
    }
    for (int i = 0; i < count; ++i) {
        char byte;
        if (read(all[i].ready, &byte, 1) != 0) fail("exec");
    }
    const int64_t up = now_us();
    for (int i = 0; i < count; ++i) kill(all[i].pid, SIGKILL);
    for (int i = 0; i < count; ++i)
        if (waitpid(all[i].pid, NULL, 0) != all[i].pid) fail("wait");
    close(netlink);
    check(unshare(CLONE_NEWNET), "unshare"); /* the last hold on the hub is gone */
    printf("up %lld down %lld\n", (long long)(up - start), (long long)(now_us() - up));
    return 0;
}
