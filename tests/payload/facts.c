/* What a container sees of itself and what the kernel refuses it, in forms a test can compare. */
#include "payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/reboot.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void print_json_string(const char* text) {
    putchar('"');
    for (; *text != '\0'; ++text) {
        if (*text == '"' || *text == '\\') putchar('\\');
        if ((unsigned char)*text < ' ')
            printf("\\u%04x", *text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_status_field(const char* field) {
    char line[4096];
    FILE* status = fopen("/proc/self/status", "re");
    const size_t length = strlen(field);
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            char* value = line + length + 1;
            value += strspn(value, " \t");
            value[strcspn(value, "\n")] = '\0';
            printf(",\"%s\":", field);
            print_json_string(value);
        }
    if (status != NULL) fclose(status);
}

/* Lines of a file as a JSON list. */
static void print_lines(const char* key, const char* path) {
    char line[8192];
    FILE* file = fopen(path, "re");
    const char* comma = "";
    printf(",\"%s\":[", key);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        fputs(comma, stdout);
        print_json_string(line);
        comma = ",";
    }
    putchar(']');
    if (file != NULL) fclose(file);
}

static void print_descriptors(void) {
    const char* comma = "";
    DIR* dir = opendir("/proc/self/fd");
    printf(",\"fds\":[");
    for (struct dirent* entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char target[4096];
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir)) continue;
        const ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = '\0';
        fputs(comma, stdout);
        print_json_string(target);
        comma = ",";
    }
    putchar(']');
    if (dir != NULL) closedir(dir);
}

static void print_namespaces(void) {
    static const char* const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};
    printf(",\"namespaces\":{");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
        char path[64], target[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        const ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        printf("%s\"%s\":\"%s\"", i == 0 ? "" : ",", kinds[i], target);
    }
    putchar('}');
}

/* facts: one JSON object about this process, as /proc tells it. */
int applet_facts(int argc, char** argv) {
    (void)argc;
    (void)argv;
    static const char* const fields[] = {"Uid",    "Gid",    "Groups", "CapInh",  "CapPrm",
                                         "CapEff", "CapBnd", "CapAmb", "Seccomp", "NoNewPrivs"};
    char host[256] = "", cwd[4096] = "";
    gethostname(host, sizeof host - 1);
    printf("{\"pid\":%d,\"hostname\":", getpid());
    print_json_string(host);
    printf(",\"cwd\":");
    print_json_string(getcwd(cwd, sizeof cwd) != NULL ? cwd : strerrorname_np(errno));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; ++i) print_status_field(fields[i]);
    print_descriptors();
    print_namespaces();
    print_lines("cgroup", "/proc/self/cgroup");
    print_lines("mounts", "/proc/self/mounts");
    puts("}");
    return 0;
}

static const char* readable(const char* path) {
    char byte;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return strerrorname_np(errno);
    const ssize_t got = read(fd, &byte, 1);
    const char* word = got < 0 ? strerrorname_np(errno) : got == 0 ? "empty" : "ok";
    close(fd);
    return word;
}

static const char* writable(const char* path) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd >= 0 ? "ok" : strerrorname_np(errno);
}

/* A step that may change this process is tried in a child. */
static const char* in_child(long (*step)(void)) {
    int result[2], err = 0;
    if (pipe(result) != 0) return "pipe";
    const pid_t child = fork();
    if (child == 0) {
        err = step() >= 0 ? 0 : errno;
        _exit(write(result[1], &err, sizeof err) == sizeof err ? 0 : 1);
    }
    close(result[1]);
    const ssize_t got = read(result[0], &err, sizeof err);
    close(result[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (got != sizeof err) return WIFSIGNALED(status) ? "killed" : "lost";
    return err == 0 ? "ok" : strerrorname_np(err);
}

static long try_mount(void) {
    return mount("none", "/tmp", "tmpfs", 0, NULL);
}
static long try_unshare_mount(void) {
    return unshare(CLONE_NEWNS);
}
static long try_unshare_user(void) {
    return unshare(CLONE_NEWUSER);
}
static long try_setns(void) {
    return setns(open("/proc/1/ns/net", O_RDONLY), 0);
}
static long try_chroot(void) {
    return chroot("/tmp");
}
static long try_mknod(void) {
    return mknod("/tmp/kmem", S_IFCHR | 0600, 1 << 8 | 2);
}
static long try_raw_socket(void) {
    return socket(AF_INET, SOCK_RAW, 1);
}
/* CAD off is harmless even where it is allowed. */
static long try_reboot(void) {
    return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 0, NULL);
}
static long try_keyctl(void) {
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0);
}
static long try_add_key(void) {
    return syscall(SYS_add_key, "user", "x", "y", 1, -3);
}
static long try_request_key(void) {
    return syscall(SYS_request_key, "user", "x", NULL, 0);
}
static long try_bpf(void) {
    return syscall(SYS_bpf, 0, NULL, 0);
}
static long try_perf(void) {
    return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}
static long try_io_uring(void) {
    return syscall(SYS_io_uring_setup, 1, NULL);
}
static long try_io_uring_enter(void) {
    return syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0);
}
static long try_io_uring_register(void) {
    return syscall(SYS_io_uring_register, -1, 0, NULL, 0);
}
static long try_fsopen(void) {
    return syscall(SYS_fsopen, "tmpfs", 0);
}
static long try_open_tree(void) {
    return syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
}
static long try_move_mount(void) {
    return syscall(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/tmp", 0);
}
static long try_pivot_root(void) {
    return syscall(SYS_pivot_root, "/tmp", "/tmp");
}
static long try_umount(void) {
    return umount2("/proc", MNT_DETACH);
}
static long try_pidfd_getfd(void) {
    return syscall(SYS_pidfd_getfd, -1, 0, 0);
}
static long try_kexec(void) {
    return syscall(SYS_kexec_load, 0, 0, NULL, 0);
}
static long try_finit_module(void) {
    return syscall(SYS_finit_module, -1, "", 0);
}
/* The filter answers before anybody finds that this is no terminal. */
static long try_tiocsti(void) {
    return ioctl(0, TIOCSTI, "x");
}
static long try_tioclinux(void) {
    return ioctl(0, TIOCLINUX, "\x02");
}
static long try_packet_socket(void) {
    return socket(AF_PACKET, SOCK_RAW, 0);
}
static long try_handle(void) {
    return syscall(SYS_open_by_handle_at, -1, NULL, 0);
}
static long try_module(void) {
    return syscall(SYS_init_module, NULL, 0, "");
}
static long try_clone3(void) {
    return syscall(SYS_clone3, NULL, 0);
}
static long try_userfault(void) {
    return syscall(SYS_userfaultfd, 0);
}
static long try_sethostname(void) {
    return sethostname("escaped", 7);
}
static long try_swapon(void) {
    return syscall(SYS_swapon, "/tmp", 0);
}
static long try_settime(void) {
    return syscall(SYS_settimeofday, NULL, NULL);
}

/* attempt: what happens to each thing a container must not do; one `name word` line each, sorted. */
int applet_attempt(int argc, char** argv) {
    (void)argc;
    (void)argv;
    /* As root on a host most of these would succeed, and change it. */
    if (access("/bin/stack-payload", X_OK) != 0) {
        fputs("attempt: runs inside the payload image only\n", stderr);
        return 2;
    }
    static const struct {
        const char* name;
        long (*step)(void);
    } steps[] = {
        {"add_key", try_add_key},
        {"bpf", try_bpf},
        {"chroot", try_chroot},
        {"clone3", try_clone3},
        {"finit_module", try_finit_module},
        {"fsopen", try_fsopen},
        {"init_module", try_module},
        {"io_uring_enter", try_io_uring_enter},
        {"io_uring_register", try_io_uring_register},
        {"io_uring_setup", try_io_uring},
        {"kexec_load", try_kexec},
        {"keyctl", try_keyctl},
        {"mknod_kmem", try_mknod},
        {"mount", try_mount},
        {"move_mount", try_move_mount},
        {"open_by_handle_at", try_handle},
        {"open_tree", try_open_tree},
        {"packet_socket", try_packet_socket},
        {"perf_event_open", try_perf},
        {"pidfd_getfd", try_pidfd_getfd},
        {"pivot_root", try_pivot_root},
        {"raw_socket", try_raw_socket},
        {"reboot", try_reboot},
        {"request_key", try_request_key},
        {"sethostname", try_sethostname},
        {"setns", try_setns},
        {"settimeofday", try_settime},
        {"swapon", try_swapon},
        {"tioclinux", try_tioclinux},
        {"tiocsti", try_tiocsti},
        {"umount", try_umount},
        {"unshare_mount", try_unshare_mount},
        {"unshare_user", try_unshare_user},
        {"userfaultfd", try_userfault},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
        printf("%s %s\n", steps[i].name, in_child(steps[i].step));
    static const char* const secret[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list",
                                         "/sys/firmware/dmi"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; ++i)
        printf("read %s %s\n", secret[i], readable(secret[i]));
    static const char* const fixed[] = {"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern",
                                        "/proc/sys/kernel/hostname", "/sys/kernel/uevent_helper",
                                        "/sys/fs/cgroup/cgroup.procs"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; ++i)
        printf("write %s %s\n", fixed[i], writable(fixed[i]));
    return 0;
}
