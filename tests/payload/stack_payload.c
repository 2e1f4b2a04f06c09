/*
 * stack-payload: what test containers run. One static program of many applets: `stack-payload APPLET ARG...`.
 * Not an example of how to write services: each applet does one thing that a test asks about.
 */
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

long number_argument(int argc, char** argv, int index, long otherwise) {
    return index < argc ? strtol(argv[index], NULL, 10) : otherwise;
}

static void say(const char* line) {
    puts(line);
    fflush(stdout);
}

static int64_t now_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void pause_for_ever(void) {
    for (;;) pause();
}

/* lines N [EXIT-CODE [EVERY PAUSE-MS]]: 1..N as fast as the pipe takes them, resting after each EVERY lines. */
static int applet_lines(int argc, char** argv) {
    const long count = number_argument(argc, argv, 1, 1000);
    const long every = number_argument(argc, argv, 3, 0);
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (long i = 1; i <= count; ++i) {
        if (printf("%ld\n", i) < 0) return 1;
        if (every > 0 && i % every == 0) sleep_ms(number_argument(argc, argv, 4, 1));
    }
    return fflush(stdout) == 0 ? (int)number_argument(argc, argv, 2, 0) : 1;
}

/* ticks COUNT PAUSE-MS [EXIT-CODE]: a numbered line at a time. */
static int applet_ticks(int argc, char** argv) {
    const long count = number_argument(argc, argv, 1, 10);
    for (long i = 1; i <= count; ++i) {
        printf("tick %ld\n", i);
        fflush(stdout);
        sleep_ms(number_argument(argc, argv, 2, 100));
    }
    return (int)number_argument(argc, argv, 3, 0);
}

/* fill BYTES: that many bytes in lines of 100, then on standard error how long the pipe took them. */
static int applet_fill(int argc, char** argv) {
    int64_t left = number_argument(argc, argv, 1, 1 << 20);
    const int64_t start = now_ms(CLOCK_MONOTONIC);
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (size_t i = 99; i < sizeof block; i += 100) block[i] = '\n';
    while (left > 0) {
        const ssize_t done = write(1, block, left < (int64_t)sizeof block ? (size_t)left : sizeof block);
        if (done <= 0) return 1;
        left -= done;
    }
    fprintf(stderr, "took %lld ms\n", (long long)(now_ms(CLOCK_MONOTONIC) - start));
    return 0;
}

/* both: "to stdout" on one stream, "to stderr" on the other, then a line without its end. */
static int applet_both(int argc, char** argv) {
    (void)argc;
    (void)argv;
    say("to stdout");
    fputs("to stderr\n", stderr);
    fputs("no newline", stdout);
    return 0;
}

/* memory MIB: touches that much, a mebibyte at a time. */
static int applet_memory(int argc, char** argv) {
    const long mib = number_argument(argc, argv, 1, 100);
    for (long i = 0; i < mib; ++i) {
        char* block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) return 1;
        memset(block, 1, 1 << 20);
    }
    printf("touched %ld MiB\n", mib);
    return 0;
}

/* forks MAX: children that wait; says how many the kernel allowed and why no more. */
static int applet_forks(int argc, char** argv) {
    const long most = number_argument(argc, argv, 1, 1000);
    long made = 0;
    int err = 0;
    while (made < most) {
        const pid_t child = fork();
        if (child == 0) pause_for_ever();
        if (child < 0) {
            err = errno;
            break;
        }
        ++made;
    }
    printf("made %ld: %s\n", made, err == 0 ? "no limit" : err == EAGAIN ? "EAGAIN" : strerror(err));
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return 0;
}

/* How many periods the limit on CPU time has cut short here, as the control group in /sys/fs/cgroup tells; -1: it does not. */
static long throttled_periods(void) {
    static const char* const files[] = {"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat",
                                        "/sys/fs/cgroup/cpu,cpuacct/cpu.stat"};
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
        FILE* file = fopen(files[i], "re");
        if (!file) continue;
        char line[128];
        long periods = -1;
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "nr_throttled %ld", &periods) == 1) break;
        fclose(file);
        if (periods >= 0) return periods;
    }
    return -1;
}

/* burn MS [PROCESSES]: spins for that wall time; says the CPU time it got, in percent of one CPU and in ms, and how many
   periods of the limit were cut short. */
static int applet_burn(int argc, char** argv) {
    const long ms = number_argument(argc, argv, 1, 1000);
    const long processes = number_argument(argc, argv, 2, 1);
    const int64_t start = now_ms(CLOCK_MONOTONIC);
    int64_t cpu = 0;
    int result[2];
    if (pipe(result) != 0) return 1;
    for (long i = 0; i < processes; ++i)
        if (fork() == 0) {
            while (now_ms(CLOCK_MONOTONIC) - start < ms) {
            }
            const int64_t own = now_ms(CLOCK_PROCESS_CPUTIME_ID);
            _exit(write(result[1], &own, sizeof own) == sizeof own ? 0 : 1);
        }
    for (long i = 0; i < processes; ++i) {
        int64_t part = 0;
        if (read(result[0], &part, sizeof part) == sizeof part) cpu += part;
    }
    const int64_t wall = now_ms(CLOCK_MONOTONIC) - start;
    printf("cpu %lld%% %lld ms throttled %ld\n", (long long)(cpu * 100 / (wall > 0 ? wall : 1)),
           (long long)cpu, throttled_periods());
    return 0;
}

/* ignore-term: says "ready", then outlives SIGTERM. */
static int applet_ignore_term(int argc, char** argv) {
    (void)argc;
    (void)argv;
    signal(SIGTERM, SIG_IGN);
    say("ready");
    pause_for_ever();
    return 0;
}

static volatile sig_atomic_t received;
static void on_signal(int number) {
    received = number;
}

/* on-term EXIT-CODE [DELAY-MS]: says "ready"; at SIGTERM, SIGINT, SIGHUP or SIGUSR1 says which and ends. */
static int applet_on_term(int argc, char** argv) {
    struct sigaction action = {.sa_handler = on_signal};
    const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT};
    sigset_t blocked, old;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&blocked, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &old);
    say("ready");
    while (received == 0) sigsuspend(&old);
    printf("got SIG%s\n", sigabbrev_np(received));
    fflush(stdout);
    sleep_ms(number_argument(argc, argv, 2, 0));
    return (int)number_argument(argc, argv, 1, 0);
}

/* sleep [SECONDS]: for ever without an argument. SIGTERM ends it even as PID 1. */
static void leave(int number) {
    _exit(128 + number);
}
static int applet_sleep(int argc, char** argv) {
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    if (argc < 2) pause_for_ever();
    sleep_ms(number_argument(argc, argv, 1, 0) * 1000);
    return 0;
}

/* exit CODE [AFTER-MS] */
static int applet_exit(int argc, char** argv) {
    sleep_ms(number_argument(argc, argv, 2, 0));
    return (int)number_argument(argc, argv, 1, 0);
}

/* die SIGNAL: ends by that signal's default action (not possible for PID 1: exit 99). */
static int applet_die(int argc, char** argv) {
    raise((int)number_argument(argc, argv, 1, SIGKILL));
    return 99;
}

/* cat [EXIT-CODE] */
static int applet_cat(int argc, char** argv) {
    static char buffer[1 << 16];
    ssize_t got;
    while ((got = read(0, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < got;) {
            const ssize_t step = write(1, buffer + done, (size_t)(got - done));
            if (step <= 0) return 1;
            done += step;
        }
    return (int)number_argument(argc, argv, 1, 0);
}

/* orphans COUNT: grandchildren that end at once, left to PID 1; then sleeps. */
static int applet_orphans(int argc, char** argv) {
    const long count = number_argument(argc, argv, 1, 10);
    for (long i = 0; i < count; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            if (fork() == 0) sleep_ms(10);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    say("ready");
    return applet_sleep(1, argv);
}

/* notify: READY=1 and more to $NOTIFY_SOCKET, then sleeps. */
static int applet_notify(int argc, char** argv) {
    (void)argc;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char* path = getenv("NOTIFY_SOCKET");
    if (path == NULL || strlen(path) >= sizeof address.sun_path) return 1;
    strcpy(address.sun_path, path);
    const char text[] = "STATUS=warming up\nREADY=1\nMAINPID=1";
    const int socket_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendto(socket_fd, text, sizeof text - 1, 0, (struct sockaddr*)&address, sizeof address) < 0) return 1;
    return applet_sleep(1, argv);
}

static int applet_true(int argc, char** argv) {
    (void)argc;
    (void)argv;
    return 0;
}

static const struct {
    const char* name;
    int (*run)(int argc, char** argv);
} applets[] = {
    {"attempt", applet_attempt},
    {"both", applet_both},
    {"burn", applet_burn},
    {"cat", applet_cat},
    {"connect", applet_connect},
    {"die", applet_die},
    {"exit", applet_exit},
    {"facts", applet_facts},
    {"fill", applet_fill},
    {"forks", applet_forks},
    {"get", applet_get},
    {"http", applet_http},
    {"ignore-term", applet_ignore_term},
    {"keyring", applet_keyring},
    {"lines", applet_lines},
    {"memory", applet_memory},
    {"notify", applet_notify},
    {"on-term", applet_on_term},
    {"orphans", applet_orphans},
    {"overwrite", applet_overwrite},
    {"resolve", applet_resolve},
    {"sleep", applet_sleep},
    {"spy", applet_spy},
    {"tcp-echo", applet_tcp_echo},
    {"ticks", applet_ticks},
    {"true", applet_true},
    {"udp-echo", applet_udp_echo},
};

int main(int argc, char** argv) {
    const char* name = argc > 1 ? argv[1] : "sleep";
    for (size_t i = 0; i < sizeof applets / sizeof *applets; ++i)
        if (strcmp(applets[i].name, name) == 0)
            return applets[i].run(argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
    fprintf(stderr, "stack-payload: no applet '%s'\n", name);
    return 2;
}
