/* Applets of stack-payload. Each gets its own argv and returns an exit status. */
#ifndef STACK_PAYLOAD_H
#define STACK_PAYLOAD_H

#include <stdbool.h>

int applet_tcp_echo(int argc, char** argv);
int applet_udp_echo(int argc, char** argv);
int applet_http(int argc, char** argv);
int applet_get(int argc, char** argv);
int applet_connect(int argc, char** argv);
int applet_resolve(int argc, char** argv);
int applet_facts(int argc, char** argv);
int applet_attempt(int argc, char** argv);
int applet_keyring(int argc, char** argv);
int applet_overwrite(int argc, char** argv);
int applet_spy(int argc, char** argv);

/* Decimal argument `index`, or `otherwise` when it is not given. */
long number_argument(int argc, char** argv, int index, long otherwise);

/* IPv4 address of a literal or a name (asks the first server of /etc/resolv.conf), network byte order. */
bool look_up(const char* name, unsigned* address);

#endif
