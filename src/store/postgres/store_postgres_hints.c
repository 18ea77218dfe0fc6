// SPDX-License-Identifier: MIT
/*
 * Hints of one gateway to the others: NOTIFY, on a connection of its own and in transactions of its
 * own, since within a put it would make all commits of the server wait for each other
 * (https://www.postgresql.org/docs/15/sql-notify.html). What is lost on the way costs nothing but
 * time.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/postgres/store_postgres.h"

#define CHANNEL "isthmus_events"

/* After a connection that could not be made. */
#define TRY_AGAIN_NS CLOCK_NS_PER_S

/* As text: 16 hexadecimal digits for each word of the set. */
#define WORDS      (STORE_SHARDS / 64)
#define WORD_SIZE  16
#define HINTS_SIZE (WORDS * WORD_SIZE)

struct hints {
        struct postgres postgres;
        int64_t connect_at_ns;
};

void *store_postgres_open_hints(const struct store_options *options)
{
        struct hints *hints = mem_new(1, sizeof(*hints));

        hints->postgres = (struct postgres){.options = options, .writes = true};
        return hints;
}

void store_postgres_close_hints(void *context)
{
        struct hints *hints = context;

        postgres_disconnect(&hints->postgres);
        free(hints);
}

static bool connect_hints(struct hints *hints)
{
        struct postgres *postgres = &hints->postgres;

        if (postgres->db || clock_steady_ns() < hints->connect_at_ns)
                return postgres->db != NULL;
        hints->connect_at_ns = clock_steady_ns() + TRY_AGAIN_NS;
        if (postgres_connect_bare(postgres, NULL) != 0 ||
            postgres_execute(postgres, "SET synchronous_commit = off", NULL) != 0 ||
            postgres_execute(postgres, "LISTEN " CHANNEL, NULL) != 0)
                postgres_disconnect(postgres);
        return postgres->db != NULL;
}

void store_postgres_hint(void *context, const struct store_shards *shards)
{
        struct hints *hints = context;
        char sql[64 + HINTS_SIZE];
        int length;

        if (!connect_hints(hints))
                return;
        length = snprintf(sql, sizeof(sql), "SELECT pg_notify('%s', '", CHANNEL);
        for (int i = 0; i < WORDS; i++)
                length += snprintf(sql + length, sizeof(sql) - (size_t)length, "%016llx",
                                   (unsigned long long)shards->bits[i]);
        snprintf(sql + length, sizeof(sql) - (size_t)length, "')");
        if (postgres_execute(&hints->postgres, sql, NULL) != 0)
                postgres_disconnect(&hints->postgres);
}

/* Whoever may connect may send one: what is no set is none. */
static void add_hint(const char *text, struct store_shards *shards)
{
        struct store_shards hint;

        if (strlen(text) != HINTS_SIZE || strspn(text, "0123456789abcdef") != HINTS_SIZE)
                return;
        for (int i = 0; i < WORDS; i++) {
                char word[WORD_SIZE + 1] = "";

                memcpy(word, text + (ptrdiff_t)i * WORD_SIZE, WORD_SIZE);
                hint.bits[i] = strtoull(word, NULL, 16);
        }
        store_shards_add_all(shards, &hint);
}

/* What has come, but for what this process sent itself. */
static void take_notifications(struct hints *hints, struct store_shards *shards)
{
        PGconn *db = hints->postgres.db;
        PGnotify *notify;

        if (PQconsumeInput(db) != 1) {
                postgres_disconnect(&hints->postgres);
                return;
        }
        while ((notify = PQnotifies(db))) {
                if (notify->be_pid != PQbackendPID(db))
                        add_hint(notify->extra, shards);
                PQfreemem(notify);
        }
}

void store_postgres_hear(void *context, int waker, int64_t timeout_ns, struct store_shards *shards)
{
        struct hints *hints = context;
        bool connected = connect_hints(hints);
        struct pollfd fds[2] = {
                {.fd = waker, .events = POLLIN},
                {.fd = connected ? PQsocket(hints->postgres.db) : -1, .events = POLLIN}};
        eventfd_t count;

        (void)!poll(fds, 2, (int)(timeout_ns / CLOCK_NS_PER_MS) + 1);
        if (fds[0].revents != 0)
                (void)!eventfd_read(waker, &count);
        if (connected)
                take_notifications(hints, shards);
}
