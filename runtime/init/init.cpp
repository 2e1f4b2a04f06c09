// stack-init: PID 1 of a container with `init: true`. Starts the program, passes signals on to it, reaps whatever is
// orphaned, and ends as the program ends: its exit code, or 128 + the signal that killed it.
//
//     stack-init [--] PROGRAM [ARGUMENT…]
//
// The program gets a process group of its own and, when stdin is a terminal, the foreground. 127: not found, 126: found
// but not executable. Without a C library on purpose: a few kilobytes that are mapped into every such container, and
// nothing in it that could allocate. System calls are made here; see the *(2) pages.
// Not here: ordering of shutdown (when PID 1 ends, the kernel kills the rest).
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include <asm/unistd.h>

namespace {

// ---- System calls ----

#if defined(__x86_64__)
long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
__asm__(
    ".globl _start\n_start:\n"
    "xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall stack_init_main\n");
#elif defined(__aarch64__)
long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
__asm__(
    ".globl _start\n_start:\n"
    "mov x29, #0\nmov x30, #0\nmov x0, sp\nand sp, x0, #-16\nb stack_init_main\n");
#else
#error "stack-init knows the system calls of x86-64 and aarch64 only"
#endif

long address(const void* pointer) {
    return reinterpret_cast<long>(pointer);
}

[[noreturn]] void leave(int status) {
    for (;;) call(__NR_exit_group, status);
}

unsigned long length_of(const char* text) {
    unsigned long length = 0;
    while (text[length] != '\0') ++length;
    return length;
}

void say(const char* text) {
    call(__NR_write, 2, address(text), static_cast<long>(length_of(text)));
}

// ---- Signals, as bits of the kernel's 64-bit set ----

using SignalSet = unsigned long;
constexpr SignalSet bit(int number) {
    return 1ul << (number - 1);
}
// Everything that can be passed on; the rest are our own faults, and stay deadly.
constexpr SignalSet kPassedOn =
    ~(bit(SIGKILL) | bit(SIGSTOP) | bit(SIGSEGV) | bit(SIGBUS) | bit(SIGFPE) | bit(SIGILL) | bit(SIGTRAP) |
      bit(SIGABRT) | bit(SIGSYS) | bit(SIGTTIN) | bit(SIGTTOU));

void set_signal_mask(SignalSet set) {
    call(__NR_rt_sigprocmask, SIG_SETMASK, address(&set), 0, sizeof set);
}

// ---- The program ----

// As execvp(3): a name with a slash is a path; otherwise $PATH is searched.
[[noreturn]] void execute(char** argv, char** envp) {
    const char* name = argv[0];
    bool is_path = name[0] == '\0';
    for (const char* at = name; *at != '\0'; ++at) is_path = is_path || *at == '/';
    long error = -ENOENT;
    if (is_path) {
        error = call(__NR_execve, address(name), address(argv), address(envp));
    } else {
        const char* path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        for (char** variable = envp; *variable != nullptr; ++variable) {
            const char* text = *variable;
            if (text[0] == 'P' && text[1] == 'A' && text[2] == 'T' && text[3] == 'H' && text[4] == '=')
                path = text + 5;
        }
        char full[4096];
        const unsigned long name_length = length_of(name);
        while (true) {
            unsigned long length = 0;
            while (path[length] != '\0' && path[length] != ':') ++length;
            if (length + name_length + 2 <= sizeof full) {
                unsigned long at = 0;
                for (; at < length; ++at) full[at] = path[at];
                if (length > 0) full[at++] = '/';  // an empty element is the current directory
                for (unsigned long i = 0; i <= name_length; ++i) full[at + i] = name[i];
                const long result = call(__NR_execve, address(full), address(argv), address(envp));
                if (result != -ENOENT && result != -ENOTDIR && error != -EACCES) error = result;
            }
            if (path[length] == '\0') break;
            path += length + 1;
        }
    }
    say("stack-init: cannot run '");
    say(name);
    say(error == -ENOENT    ? "': no such file or directory\n"
        : error == -EACCES  ? "': permission denied\n"
        : error == -ENOEXEC ? "': not in a format that can be executed\n"
                            : "'\n");
    leave(error == -ENOENT ? 127 : 126);
}

constexpr long kTerminalSetForeground = 0x5410;  // TIOCSPGRP, the same on both architectures

int start_program(char** argv, char** envp) {
    const long pid = call(__NR_clone, SIGCHLD);
    if (pid < 0) {
        say("stack-init: cannot fork\n");
        leave(126);
    }
    if (pid == 0) {
        call(__NR_setpgid, 0, 0);
        const int group = static_cast<int>(call(__NR_getpid));
        // Fails where stdin is no controlling terminal of ours; SIGTTOU, which a background group gets, is blocked.
        set_signal_mask(~0ul);
        call(__NR_ioctl, 0, kTerminalSetForeground, address(&group));
        set_signal_mask(0);
        execute(argv, envp);
    }
    return static_cast<int>(pid);
}

// Reaps all that have ended; leaves when the program has.
void reap(int program) {
    for (;;) {
        int status = 0;
        const long pid = call(__NR_wait4, -1, address(&status), WNOHANG);
        if (pid <= 0) return;
        if (pid != program) continue;
        const int signal = status & 0x7f;
        leave(signal != 0 ? 128 + signal : (status >> 8) & 0xff);
    }
}

}  // namespace

// GCC may call these by itself.
extern "C" void* memset(void* to, int value, unsigned long size) {
    for (unsigned long i = 0; i < size; ++i) static_cast<volatile char*>(to)[i] = static_cast<char>(value);
    return to;
}
extern "C" void* memcpy(void* to, const void* from, unsigned long size) {
    for (unsigned long i = 0; i < size; ++i)
        static_cast<volatile char*>(to)[i] = static_cast<const char*>(from)[i];
    return to;
}

// `top` is what the kernel left on the stack: argc, argv, 0, envp, 0.
extern "C" [[noreturn]] void stack_init_main(long* top) {
    const long argc = top[0];
    char** argv = reinterpret_cast<char**>(top + 1);
    char** envp = argv + argc + 1;
    long first = 1;
    if (argc > 1 && argv[1][0] == '-' && argv[1][1] == '-' && argv[1][2] == '\0') first = 2;
    if (first >= argc) {
        say("usage: stack-init [--] PROGRAM [ARGUMENT...]\n");
        leave(2);
    }
    // Blocked before the fork, so that nothing is missed; to PID 1, a blocked signal is kept and not ignored.
    set_signal_mask(kPassedOn);
    if (call(__NR_getpid) != 1) call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1);
    const int program = start_program(argv + first, envp);
    for (;;) {
        const SignalSet set = kPassedOn;
        const long number = call(__NR_rt_sigtimedwait, address(&set), 0, 0, sizeof set);
        if (number == SIGCHLD) {
            reap(program);
        } else if (number > 0) {
            call(__NR_kill, program, number);
        }
    }
}
