// SPDX-License-Identifier: MIT
/*
 * For tests of whom a program speaks to, by LD_PRELOAD: appends a line to the file
 * ISTHMUS_CONNECT_LOG for each address that a socket is connected to or that something is sent to:
 * "127.0.0.1 5671", "unix /run/name". What it replaces goes straight to the kernel.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* A copy, for an address of the caller's may be of any alignment. */
union address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
};

static void write_line(const char *line)
{
        const char *path = getenv("ISTHMUS_CONNECT_LOG");
        int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

        if (file < 0)
                return;
        if (write(file, line, strlen(line)) < 0)
                _exit(99);
        close(file);
}

static void note(const struct sockaddr *given, socklen_t size)
{
        union address address = {.any.sa_family = AF_UNSPEC};
        char text[INET6_ADDRSTRLEN] = "";
        char line[256];

        memcpy(&address, given, size < sizeof(address) ? size : sizeof(address));
        switch (address.any.sa_family) {
        case AF_INET:
                inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text));
                snprintf(line, sizeof(line), "%s %d\n", text, ntohs(address.v4.sin_port));
                break;
        case AF_INET6:
                inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text));
                snprintf(line, sizeof(line), "%s %d\n", text, ntohs(address.v6.sin6_port));
                break;
        case AF_UNIX:
                snprintf(line, sizeof(line), "unix %.100s\n", address.local.sun_path);
                break;
        default:
                return;
        }
        write_line(line);
}

/* glibc's own type of the argument, under which it declares both functions. */
int connect(int socket, __CONST_SOCKADDR_ARG address, socklen_t size)
{
        note(address.__sockaddr__, size);
        return (int)syscall(SYS_connect, socket, address.__sockaddr__, size);
}

ssize_t sendto(int socket, const void *bytes, size_t size, int flags, __CONST_SOCKADDR_ARG address,
               socklen_t address_size)
{
        if (address.__sockaddr__)
                note(address.__sockaddr__, address_size);
        return syscall(SYS_sendto, socket, bytes, size, flags, address.__sockaddr__, address_size);
}
