// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "http/http_inside.h"

/* Of one kind in one second. */
#define LOGGED_MAX 10

#define PATH_MAX_LOGGED 200
#define PEER_MAX_LOGGED 80

/* Refusals have one for each status: 400 to 431, and one for all others of each hundred. */
static struct http_brake *brake_of(struct http_server *server, const struct http_note *note)
{
        size_t kind = note->event;
        size_t status = (size_t)note->status;

        if (note->event == HTTP_REFUSED)
                kind = HTTP_EVENT_COUNT +
                       (status >= 400 && status < 432 ? 32 + status - 400 : status / 100 % 32);
        return &server->brakes[kind];
}

/* True if the note may be logged: so many of a kind in a second; the others are counted. */
static bool take_log_line(struct http_server *server, const struct http_note *note)
{
        struct http_brake *brake = brake_of(server, note);
        int64_t second = clock_steady_ms() / 1000;

        if (brake->second != second) {
                http_note_rest(server);
                *brake = (struct http_brake){.second = second, .status = note->status};
        }
        if (brake->logged < LOGGED_MAX) {
                brake->logged++;
                return true;
        }
        brake->unlogged++;
        server->unlogged++;
        return false;
}

int64_t http_note_rest(struct http_server *server)
{
        int64_t second;

        if (server->unlogged == 0)
                return INT64_MAX;
        second = clock_steady_ms() / 1000;
        for (size_t i = 0; i < HTTP_BRAKES; i++) {
                struct http_brake *brake = &server->brakes[i];
                struct http_note note = {.event = HTTP_UNLOGGED,
                                         .log = true,
                                         .unlogged = brake->unlogged,
                                         .peer = "",
                                         .status = brake->status};

                if (brake->unlogged == 0 || brake->second == second)
                        continue;
                server->unlogged -= brake->unlogged;
                brake->unlogged = 0;
                server->options.note(server->options.context, &note);
        }
        return server->unlogged > 0 ? (second + 1) * 1000 : INT64_MAX;
}

/* --- whose it was ------------------------------------------------------------------------- */

static void write_peer(const struct sockaddr *peer, char *text, size_t size)
{
        if (peer && peer->sa_family == AF_INET)
                inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
                          text, (socklen_t)size);
        else if (peer && peer->sa_family == AF_INET6)
                inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
                          text, (socklen_t)size);
}

/* A proxy adds the address that it saw itself behind all that the sender may have invented. */
static bool write_proxied(const struct http_exchange *exchange, char *text, size_t size)
{
        const char *name = exchange->server->options.proxy_header;
        const char *value = name ? http_exchange_header(exchange, name) : NULL;
        const char *last = value ? strrchr(value, ',') : NULL;

        if (!value)
                return false;
        value = last ? last + 1 : value;
        value += strspn(value, " \t");
        snprintf(text, size, "%.*s", utf8_cut(value, (int)size - 1), value);
        return true;
}

/* --- noting ------------------------------------------------------------------------------- */

void http_note_event(struct http_server *server, enum http_event event,
                     const struct sockaddr *address)
{
        char peer[PEER_MAX_LOGGED] = "";
        struct http_note note = {.event = event, .peer = peer};

        if (!server->options.note)
                return;
        if (event != HTTP_OPENED && event != HTTP_CLOSED)
                note.log = take_log_line(server, &note);
        if (note.log)
                write_peer(address, peer, sizeof(peer));
        server->options.note(server->options.context, &note);
}

void http_note_refused(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;
        char peer[PEER_MAX_LOGGED] = "";
        char path[PATH_MAX_LOGGED + 1] = "";
        struct http_note note = {.event = HTTP_REFUSED,
                                 .status = exchange->status,
                                 .peer = peer,
                                 .path = path,
                                 .detail = exchange->detail};

        if (!server->options.note)
                return;
        note.log = take_log_line(server, &note);
        if (note.log) {
                snprintf(path, sizeof(path), "%.*s", utf8_cut(exchange->path, PATH_MAX_LOGGED),
                         exchange->path);
                if (exchange->connection && !write_proxied(exchange, peer, sizeof(peer)))
                        write_peer(http_serve_peer(exchange->connection), peer, sizeof(peer));
        }
        server->options.note(server->options.context, &note);
}
