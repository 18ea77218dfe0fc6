// SPDX-License-Identifier: MIT
#include "http/http_listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

/* Connections that wait to be accepted; the system has a limit of its own. */
#define BACKLOG 1024

/* The port that the system chose, in either family's place for it. */
static uint16_t port_of(int listener)
{
        struct sockaddr_in6 bound = {.sin6_family = AF_UNSPEC};
        socklen_t size = sizeof(bound);

        getsockname(listener, (struct sockaddr *)&bound, &size);
        if (bound.sin6_family == AF_INET6)
                return ntohs(bound.sin6_port);
        return ntohs(((const struct sockaddr_in *)(const void *)&bound)->sin_port);
}

static int listen_at(const struct addrinfo *address)
{
        const int on = 1;
        int listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int error;

        if (listener < 0)
                return -errno;
        if (address->ai_family == AF_INET6)
                (void)setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
            bind(listener, address->ai_addr, address->ai_addrlen) == 0 &&
            listen(listener, BACKLOG) == 0)
                return listener;
        error = errno;
        close(listener);
        return -error;
}

int http_listen_at_port(const char *host, uint16_t *port, struct reason *reason)
{
        struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
        struct addrinfo *addresses = NULL;
        char text[8];
        int listener;

        snprintf(text, sizeof(text), "%u", *port);
        if (getaddrinfo(text_is_empty(host) ? NULL : host, text, &hints, &addresses) != 0) {
                reason_set(reason, "there is no address '%s' on this machine", host);
                return -EADDRNOTAVAIL;
        }
        listener = listen_at(addresses);
        freeaddrinfo(addresses);
        if (listener < 0)
                reason_set(reason, "can't listen on %s port %s: %s", host, text,
                           strerror(-listener));
        else
                *port = port_of(listener);
        return listener;
}

static bool make_address(const char *path, struct sockaddr_un *address, struct reason *reason)
{
        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(address->sun_path)) {
                reason_set(reason,
                           "the path of the socket '%s' is longer than the %zu bytes that the "
                           "system allows: use a folder with a shorter path",
                           path, sizeof(address->sun_path) - 1);
                return false;
        }
        memcpy(address->sun_path, path, strlen(path) + 1);
        return true;
}

/* The socket of a program that was killed is in the way; anything else is not ours to remove. */
static bool remove_stale(const char *path, struct reason *reason)
{
        struct stat status;

        if (lstat(path, &status) != 0 || (S_ISSOCK(status.st_mode) && unlink(path) == 0))
                return true;
        reason_set(reason, "'%s' is in the place of the socket and can't be removed: %s", path,
                   S_ISSOCK(status.st_mode) ? strerror(errno) : "it is no socket");
        return false;
}

/* Nobody but the owner may connect at any moment: bind(2) takes the mode from the descriptor. */
static bool bind_socket(int listener, const struct sockaddr_un *address)
{
        return fchmod(listener, S_IRUSR | S_IWUSR) == 0 &&
               bind(listener, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
               listen(listener, BACKLOG) == 0;
}

int http_listen_at_path(const char *path, struct reason *reason)
{
        struct sockaddr_un address;
        int listener;
        int error;

        if (!make_address(path, &address, reason) || !remove_stale(path, reason))
                return -EINVAL;
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener >= 0 && bind_socket(listener, &address))
                return listener;
        error = errno;
        reason_set(reason, "can't listen on the socket '%s': %s", path, strerror(error));
        if (listener >= 0)
                close(listener);
        return -error;
}
