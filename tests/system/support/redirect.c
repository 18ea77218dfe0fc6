// SPDX-License-Identifier: MIT
/*
 * For tests of programs whose way to a host is to lead elsewhere, by LD_PRELOAD:
 * ISTHMUS_REDIRECT="hub.test 8443" makes the name hub.test this machine, and port 443 port 8443;
 * with a third word it is that port, and not 443.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HTTPS_PORT 443

struct redirection {
        char name[64];
        unsigned short to;
        unsigned short from;
};

static bool is_redirected(struct redirection *redirection)
{
        const char *text = getenv("ISTHMUS_REDIRECT");

        redirection->from = HTTPS_PORT;
        return text && sscanf(text, "%63s %hu %hu", redirection->name, &redirection->to,
                              &redirection->from) >= 2;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        struct redirection redirection;

        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        if (node && is_redirected(&redirection) && strcasecmp(node, redirection.name) == 0)
                node = "127.0.0.1";
        return real(node, service, hints, found);
}

/* glibc's own type of the argument, under which it declares the function. */
int connect(int socket, __CONST_SOCKADDR_ARG address, socklen_t size)
{
        const struct sockaddr *given = address.__sockaddr__;
        struct sockaddr_in v4;
        struct redirection redirection;

        if (given->sa_family == AF_INET && size >= sizeof(v4) && is_redirected(&redirection)) {
                memcpy(&v4, given, sizeof(v4));
                if (ntohs(v4.sin_port) == redirection.from)
                        v4.sin_port = htons(redirection.to);
                return (int)syscall(SYS_connect, socket, &v4, sizeof(v4));
        }
        return (int)syscall(SYS_connect, socket, given, size);
}
