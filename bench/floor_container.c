/*
 * floor_container COUNT ROOTFS [WORK-DIRECTORY]: the least a Linux host must do for one container after the other, without
 * a network to join: six namespaces, the root file system (ROOTFS itself; with WORK-DIRECTORY an overlay on it), /proc, /sys,
 * /dev, a new root, exec of `/bin/true`, its end. No cgroups, capabilities or seccomp.
 * Prints `container MICROSECONDS`, the median.
 */
#include "floor.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int by_size(const void* a, const void* b) {
    const int64_t x = *(const int64_t*)a, y = *(const int64_t*)b;
    return (x > y) - (x < y);
}

static _Noreturn void become_container(int number, const char* rootfs, const char* work) {
    check(sethostname("floor", 5), "hostname");
    if (work != NULL)
        mount_overlay_root(number, rootfs, work);
    else
        mount_directory_root(rootfs);
    enter_mounted_root();
    char* const argv[] = {"true", NULL};
    char* const env[] = {"PATH=/bin", NULL};
    execve("/bin/true", argv, env);
    fail("exec");
}

int main(int argc, char** argv) {
    const int count = argc >= 3 ? atoi(argv[1]) : 0;
    int64_t* took = calloc((size_t)(count > 0 ? count : 1), sizeof *took);
    if (count <= 0 || took == NULL) {
        fputs("usage: floor_container COUNT ROOTFS [WORK-DIRECTORY]\n", stderr);
        return 2;
    }
    for (int i = 0; i < count; ++i) {
        const int64_t start = now_us();
        const struct clone_args args = {
            .flags =
                CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP,
            .exit_signal = SIGCHLD,
        };
        const pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
        check(pid, "clone3");
        if (pid == 0) become_container(i, argv[2], argc > 3 ? argv[3] : NULL);
        int status = 0;
        if (waitpid(pid, &status, 0) != pid || status != 0) fail("container");
        took[i] = now_us() - start;
    }
    qsort(took, (size_t)count, sizeof *took, by_size);
    printf("container %lld\n", (long long)took[count / 2]);
    return 0;
}
