/* A container that looks for what its neighbours in the pid namespace hold: the other side of the tests of exec. */
#include "payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kLines = 512, kLine = 512 };
static char seen[kLines][kLine];
static int seen_count;
static volatile sig_atomic_t told_to_end;

static void end(int number) {
    (void)number;
    told_to_end = 1;
}

/* Each line once. */
static void note(const char* word, const char* text) {
    char line[kLine];
    snprintf(line, sizeof line, "%s %.400s", word, text);
    for (int i = 0; i < seen_count; ++i)
        if (strcmp(seen[i], line) == 0) return;
    if (seen_count < kLines) memcpy(seen[seen_count++], line, sizeof line);
}

static void note_link(const char* word, const char* path) {
    char target[400];
    const ssize_t size = readlink(path, target, sizeof target - 1);
    if (size < 0) return;
    target[size] = '\0';
    note(word, target);
}

static void note_descriptors(const char* process) {
    char path[300], file[600];
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR* dir = opendir(path);
    for (struct dirent* entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        note_link("fd", file);
    }
    if (dir != NULL) closedir(dir);
}

/* The first line of a file of a process; false when the process has none any more. */
static int first_line(const char* process, const char* name, char* line, int size) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/%s", process, name);
    FILE* file = fopen(path, "re");
    if (file == NULL) return 0;
    const int found = fgets(line, size, file) != NULL;
    fclose(file);
    return found;
}

/* Its mounts are ours. This file is for everybody to read, whatever ptrace(2) says. */
static void compare_mounts(const char* process) {
    char ours[kLine], theirs[kLine];
    if (first_line("self", "mountinfo", ours, kLine) && first_line(process, "mountinfo", theirs, kLine) &&
        strcmp(ours, theirs) != 0)
        note("foreign mounts", theirs);
}

static void look_at(const char* process) {
    compare_mounts(process);
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/exe", process);
    note_link("exe", path);
    /* The program of the image may be written: it is this container's own. */
    char target[400] = "";
    const ssize_t size = readlink(path, target, sizeof target - 1);
    if (size > 0 && strncmp(target, "/bin/", 5) != 0) {
        const int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file >= 0) {
            note("writable", target);
            close(file);
        }
    }
    note_descriptors(process);
    snprintf(path, sizeof path, "/proc/%s/cwd", process);
    note_link("cwd", path);
    snprintf(path, sizeof path, "/proc/%s/root", process);
    note_link("root", path);
}

/* spy: until SIGTERM looks at every other process that it sees; then says, each once, what it could find out. */
int applet_spy(int argc, char** argv) {
    (void)argc;
    (void)argv;
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    while (!told_to_end) {
        DIR* proc = opendir("/proc");
        for (struct dirent* entry; proc != NULL && (entry = readdir(proc)) != NULL;)
            if (atoi(entry->d_name) > 1) look_at(entry->d_name);
        if (proc != NULL) closedir(proc);
    }
    for (int i = 0; i < seen_count; ++i) puts(seen[i]);
    return 0;
}

/* keyring: the serial number of the session keyring. */
int applet_keyring(int argc, char** argv) {
    (void)argc;
    (void)argv;
    const long serial = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    if (serial < 0) {
        printf("keyctl %s\n", strerrorname_np(errno));
        return 1;
    }
    printf("session %ld\n", serial);
    return 0;
}

/* overwrite N: opens the program behind descriptor N for writing, for as long as it is busy; says how that went. */
int applet_overwrite(int argc, char** argv) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%ld", number_argument(argc, argv, 1, 9));
    for (int i = 0; i < 200; ++i) {
        const int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file >= 0) {
            puts(write(file, "#!overwritten\n", 14) == 14 ? "overwritten" : strerrorname_np(errno));
            return 1;
        }
        if (errno != ETXTBSY) break;
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    puts(strerrorname_np(errno));
    return 0;
}
