/*
 * repeat ROUNDS COMMAND [ARGUMENT...]: the wall time of a command from spawn to its end, ROUNDS times; "@" in an argument
 * stands for the number of the round. Ends at the first failure with its exit code.
 * Prints `median MICROSECONDS least MICROSECONDS`.
 */
#include "floor.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static int by_size(const void* a, const void* b) {
    const int64_t x = *(const int64_t*)a, y = *(const int64_t*)b;
    return (x > y) - (x < y);
}

/* `text` with the first "@" replaced by the number; never freed: a measurement is short. */
static char* numbered(char* text, int number) {
    char* const at = strchr(text, '@');
    if (at == NULL) return text;
    const size_t size = strlen(text) + 16;
    char* const made = malloc(size);
    if (made == NULL) fail("memory");
    snprintf(made, size, "%.*s%d%s", (int)(at - text), text, number, at + 1);
    return made;
}

int main(int argc, char** argv) {
    const int rounds = argc >= 3 ? atoi(argv[1]) : 0;
    int64_t* took = calloc((size_t)(rounds > 0 ? rounds : 1), sizeof *took);
    char** words = calloc((size_t)argc, sizeof *words);
    if (rounds <= 0 || took == NULL || words == NULL) {
        fputs("usage: repeat ROUNDS COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    for (int i = 0; i < rounds; ++i) {
        for (int word = 2; word < argc; ++word) words[word - 2] = numbered(argv[word], i);
        pid_t pid;
        int status = 0;
        const int64_t start = now_us();
        if (posix_spawnp(&pid, words[0], NULL, NULL, words, environ) != 0) fail(words[0]);
        if (waitpid(pid, &status, 0) != pid) fail("wait");
        took[i] = now_us() - start;
        if (status != 0) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    qsort(took, (size_t)rounds, sizeof *took, by_size);
    printf("median %lld least %lld\n", (long long)took[rounds / 2], (long long)took[0]);
    return 0;
}
