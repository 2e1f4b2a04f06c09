/* Mounts of the floor programs: what a container's root costs at least. */
#include "floor.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void fail(const char* what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    _exit(1);
}

void check(int result, const char* what) {
    if (result < 0) fail(what);
}

int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void mount_overlay_root(int number, const char* rootfs, const char* work) {
    char base[512], path[600], options[2048];
    snprintf(base, sizeof base, "%s/%d", work, number);
    check(mkdir(base, 0700), "mkdir");
    static const char* const parts[] = {"upper", "work", "root"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
        snprintf(path, sizeof path, "%s/%s", base, parts[i]);
        check(mkdir(path, 0755), "mkdir");
    }
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", rootfs, base, base);
    check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
    check(mount("overlay", path, "overlay", 0, options), "overlay");
    check(chdir(path), "chdir");
}

void mount_directory_root(const char* rootfs) {
    check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private");
    check(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind");
    check(chdir(rootfs), "chdir");
}

void enter_mounted_root(void) {
    char path[64];
    check(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
    check(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL), "sysfs");
    check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k"), "dev");
    static const char* const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const dev_t numbers[] = {0x103, 0x105, 0x107, 0x108, 0x109, 0x500};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; ++i) {
        snprintf(path, sizeof path, "dev/%s", nodes[i]);
        check(mknod(path, S_IFCHR | 0666, numbers[i]), "mknod");
    }
    check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
    check(umount2(".", MNT_DETACH), "umount");
    check(chdir("/"), "chdir");
}
