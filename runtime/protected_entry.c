/*
 * Where a statically linked program of ours begins, before the C library does: if it is going to start processes, it becomes
 * its protected copy at once (protected_exe.hpp says why), and the library's start, a quarter of a millisecond inside a
 * virtual machine, is paid once. A shortcut: when anything here fails, or the copy is not what it should be, `main` sees to
 * it as it does without.
 *
 * Nothing has been relocated or set up here: no calls out of this file, no data with addresses in it, no stack protector.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "written for x86-64: other machines link the program without"
#endif

static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
}

static int equal(const char* left, const char* right) {
    for (; *left == *right; ++left, ++right)
        if (*left == '\0') return 1;
    return 0;
}

/* As a word anywhere: at worst a program is protected that need not be. */
static int starts_processes(char** argv) {
    for (char** word = argv + 1; *word != 0; ++word)
        if (equal(*word, "run") || equal(*word, "create") || equal(*word, "exec")) return 1;
    return 0;
}

/* The kernel names a program that was executed by descriptor /dev/fd/N: that may be the copy already. */
static int runs_by_descriptor(const unsigned long* auxiliary) {
    const unsigned long kExecName = 31; /* AT_EXECFN */
    for (; auxiliary[0] != 0; auxiliary += 2) {
        if (auxiliary[0] != kExecName) continue;
        const char* name = (const char*)auxiliary[1];
        const char prefix[] = {'/', 'd', 'e', 'v', '/', 'f', 'd', '/'};
        for (unsigned i = 0; i < sizeof prefix; ++i)
            if (name[i] != prefix[i]) return 0;
        return 1;
    }
    return 1; /* can't be known: nothing is done twice */
}

__attribute__((used, visibility("hidden"))) void stack_protect_self(long* stack) {
    char** argv = (char**)(stack + 1);
    char** environment = argv + stack[0] + 1;
    char** end = environment;
    while (*end != 0) ++end;
    if (stack[0] == 0 || !starts_processes(argv) || runs_by_descriptor((const unsigned long*)(end + 1)))
        return;
    const long file =
        call(SYS_open_tree, AT_FDCWD, (long)"/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    if (file < 0) return;
    struct mount_attr attributes;
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    attributes.attr_clr = attributes.propagation = attributes.userns_fd = 0;
    if (call(SYS_mount_setattr, file, (long)"", AT_EMPTY_PATH, (long)&attributes, sizeof attributes) == 0)
        call(SYS_execveat, file, (long)"", (long)argv, (long)environment, AT_EMPTY_PATH);
    call(SYS_close, file, 0, 0, 0, 0);
}

/* The stack holds argc, argv, the environment and the auxiliary vector; rdx is the kernel's word for _start. */
__asm__(
    ".text\n"
    ".globl stack_protected_entry\n"
    ".hidden stack_protected_entry\n"
    ".type stack_protected_entry, @function\n"
    "stack_protected_entry:\n"
    "    endbr64\n"
    "    xorl %ebp, %ebp\n"
    "    movq %rsp, %rdi\n"
    "    pushq %rdx\n"
    "    subq $8, %rsp\n"
    "    call stack_protect_self\n"
    "    addq $8, %rsp\n"
    "    popq %rdx\n"
    "    jmp _start\n"
    ".size stack_protected_entry, . - stack_protected_entry\n");
