/* Sockets for tests: echo servers, the least HTTP server and client, and a resolver that needs no libc
 * service. */
#include "payload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int listen_on(int type, long port) {
    const int fd = socket(AF_INET, type, 0);
    const int on = 1;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr*)&name, sizeof name) != 0 ||
        (type == SOCK_STREAM && listen(fd, 512) != 0)) {
        fprintf(stderr, "listen on %ld: %s\n", port, strerror(errno));
        exit(1);
    }
    return fd;
}

static void serve_politely(void) {
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, _exit);
    puts("ready");
    fflush(stdout);
}

/* tcp-echo PORT */
int applet_tcp_echo(int argc, char** argv) {
    const int listener = listen_on(SOCK_STREAM, number_argument(argc, argv, 1, 7));
    serve_politely();
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        if (fork() == 0) {
            static char buffer[1 << 16];
            ssize_t got;
            while ((got = read(fd, buffer, sizeof buffer)) > 0)
                if (write(fd, buffer, (size_t)got) != got) break;
            _exit(0);
        }
        close(fd);
    }
}

/* udp-echo PORT */
int applet_udp_echo(int argc, char** argv) {
    const int fd = listen_on(SOCK_DGRAM, number_argument(argc, argv, 1, 7));
    serve_politely();
    for (;;) {
        static char buffer[65536];
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        const ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr*)&from, &size);
        if (got >= 0) sendto(fd, buffer, (size_t)got, 0, (struct sockaddr*)&from, size);
    }
}

/* http PORT [TEXT]: answers every request with TEXT and the peer's address; one connection a request. */
int applet_http(int argc, char** argv) {
    const int listener = listen_on(SOCK_STREAM, number_argument(argc, argv, 1, 80));
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    serve_politely();
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        const int fd = accept(listener, (struct sockaddr*)&peer, &size);
        if (fd < 0) continue;
        char request[4096], body[1024], answer[2048];
        const struct timeval limit = {5, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        const ssize_t got = read(fd, request, sizeof request - 1);
        if (got > 0) {
            const int length = snprintf(body, sizeof body, "%s from %s to %s\n", argc > 2 ? argv[2] : "hello",
                                        host, inet_ntoa(peer.sin_addr));
            const int all = snprintf(answer, sizeof answer,
                                     "HTTP/1.0 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                                     length, body);
            if (write(fd, answer, (size_t)all) != all) perror("write");
        }
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

static bool first_nameserver(struct in_addr* server) {
    char line[512], address[64];
    FILE* file = fopen("/etc/resolv.conf", "re");
    bool found = false;
    while (!found && file != NULL && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "nameserver %63s", address) == 1 && inet_pton(AF_INET, address, server) == 1;
    if (file != NULL) fclose(file);
    return found;
}

/* Writes the question `name A IN`; its length. */
static size_t build_query(const char* name, unsigned char* packet) {
    static const unsigned char head[12] = {0x12, 0x34, 1, 0, 0, 1};
    memcpy(packet, head, sizeof head);
    size_t at = sizeof head;
    while (*name != '\0') {
        const size_t length = strcspn(name, ".");
        packet[at++] = (unsigned char)length;
        memcpy(packet + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    memcpy(packet + at, "\0\0\1\0\1", 5);
    return at + 5;
}

static size_t skip_name(const unsigned char* packet, size_t at, size_t size) {
    while (at < size && packet[at] != 0) {
        if (packet[at] >= 0xc0) return at + 2;
        at += packet[at] + 1u;
    }
    return at + 1;
}

/* All A records for `name`; the response code, or -1 without an answer. */
static int ask(const char* name, unsigned* addresses, int most, int* count) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    unsigned char packet[2048] = {0};
    *count = 0;
    if (strlen(name) > 250 || !first_nameserver(&server.sin_addr)) return -1;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const struct timeval limit = {3, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const size_t asked = build_query(name, packet);
    ssize_t got = -1;
    if (connect(fd, (struct sockaddr*)&server, sizeof server) == 0 &&
        send(fd, packet, asked, 0) == (ssize_t)asked)
        got = recv(fd, packet, sizeof packet, 0);
    close(fd);
    if (got < 12) return -1;
    const size_t size = (size_t)got;
    int answers = packet[6] << 8 | packet[7];
    size_t at = skip_name(packet, 12, size) + 4;
    for (; answers > 0 && at + 12 <= size; --answers) {
        at = skip_name(packet, at, size);
        if (at + 10 > size) break;
        const size_t length = (size_t)(packet[at + 8] << 8 | packet[at + 9]);
        if (packet[at] == 0 && packet[at + 1] == 1 && length == 4 && at + 14 <= size && *count < most)
            memcpy(&addresses[(*count)++], packet + at + 10, 4);
        at += 10 + length;
    }
    return packet[3] & 15;
}

bool look_up(const char* name, unsigned* address) {
    struct in_addr literal;
    int count = 0;
    if (inet_pton(AF_INET, name, &literal) == 1) {
        *address = literal.s_addr;
        return true;
    }
    return ask(name, address, 1, &count) == 0 && count == 1;
}

static int by_value(const void* a, const void* b) {
    const unsigned x = ntohl(*(const unsigned*)a), y = ntohl(*(const unsigned*)b);
    return x < y ? -1 : x > y;
}

/* resolve NAME: its A records, sorted, one a line; exit 0, or 1 with the response code's word. */
int applet_resolve(int argc, char** argv) {
    static const char* const words[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
    unsigned addresses[64];
    int count = 0;
    const int code = argc > 1 ? ask(argv[1], addresses, 64, &count) : -1;
    qsort(addresses, (size_t)count, sizeof *addresses, by_value);
    for (int i = 0; i < count; ++i) puts(inet_ntoa((struct in_addr){addresses[i]}));
    if (code == 0 && count > 0) return 0;
    puts(code < 0 ? "no answer" : code < 6 ? words[code] : "other");
    return 1;
}

/* A connected socket, or -1 with errno set; ETIMEDOUT after `ms`, ENOENT for a name that does not resolve. */
static int connect_within(const char* host, long port, long ms) {
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (!look_up(host, &peer.sin_addr.s_addr)) {
        errno = ENOENT;
        return -1;
    }
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int err = connect(fd, (struct sockaddr*)&peer, sizeof peer) == 0 ? 0 : errno;
    if (err == EINPROGRESS) {
        struct pollfd entry = {fd, POLLOUT, 0};
        socklen_t size = sizeof err;
        if (poll(&entry, 1, (int)ms) != 1)
            err = ETIMEDOUT;
        else
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
    }
    if (err == 0) return fd;
    close(fd);
    errno = err;
    return -1;
}

/* connect HOST PORT [MS]: "connected" and 0, or the reason and 1. */
int applet_connect(int argc, char** argv) {
    if (argc < 3) return 2;
    const int fd =
        connect_within(argv[1], number_argument(argc, argv, 2, 0), number_argument(argc, argv, 3, 1000));
    puts(fd >= 0 ? "connected" : errno == ENOENT ? "unknown name" : strerrorname_np(errno));
    return fd >= 0 ? 0 : 1;
}

/* get HOST PORT [PATH]: the body of one HTTP answer. */
int applet_get(int argc, char** argv) {
    if (argc < 3) return 2;
    const int fd = connect_within(argv[1], number_argument(argc, argv, 2, 80), 3000);
    if (fd < 0) {
        fprintf(stderr, "%s\n", errno == ENOENT ? "unknown name" : strerrorname_np(errno));
        return 1;
    }
    char buffer[65536];
    const int length = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
                                argc > 3 ? argv[3] : "/", argv[1]);
    if (write(fd, buffer, (size_t)length) != length) return 1;
    size_t size = 0;
    struct pollfd entry = {fd, POLLIN, 0};
    while (size < sizeof buffer - 1 && poll(&entry, 1, 3000) == 1) {
        const ssize_t got = read(fd, buffer + size, sizeof buffer - 1 - size);
        if (got <= 0) break;
        size += (size_t)got;
    }
    buffer[size] = '\0';
    const char* body = strstr(buffer, "\r\n\r\n");
    if (body == NULL) return 1;
    fputs(body + 4, stdout);
    return 0;
}
