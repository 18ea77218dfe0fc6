// SPDX-License-Identifier: MIT
/* The server that a store in PostgreSQL needs, for the tests that run over every kind of store. */
#ifndef ISTHMUS_TESTS_STORE_SUPPORT_POSTGRES_H
#define ISTHMUS_TESTS_STORE_SUPPORT_POSTGRES_H

#include "component/store/support.h"

#include "base/text.h"
#include "store/store_backend.h"
#include "support/postgres.h"

static const struct store_shards support_all_shards = {
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static struct test_postgres *support_server; /* NULL = the store needs none */

/* False if the store needs one and there is none. */
static inline bool support_start_server(const struct store_backend *backend)
{
        if (!text_equal(backend->name, "postgresql"))
                return true;
        support_server = test_postgres_new();
        return support_server != NULL;
}

/* For tests of PostgreSQL alone: false, and says why, if the program or the machine has none. */
static inline bool support_start_postgres(void)
{
        struct reason reason = REASON_INIT;
        const struct store_backend *backend = store_backend_find("postgresql", &reason);

        if (!backend)
                printf("skipped: %s\n", reason.text);
        return backend && support_start_server(backend);
}

static inline void support_stop_server(void)
{
        test_postgres_free(support_server);
        support_server = NULL;
}

static inline void support_use_server(struct store_options *options)
{
        static const char *host;

        if (!support_server)
                return;
        host = test_postgres_host(support_server);
        options->server = (struct store_server){.hosts = &host,
                                                .host_count = 1,
                                                .database = "isthmus",
                                                .user = "isthmus",
                                                .timeout_ms = SUPPORT_DEADLINE_MS};
}

/* Empty ones, if the store needs any. */
static inline void support_make_tables(void)
{
        struct store_options options = {.backend = "postgresql"};
        struct reason reason = REASON_INIT;

        if (!support_server)
                return;
        support_use_server(&options);
        test_postgres_run(support_server, "DROP SCHEMA IF EXISTS isthmus CASCADE");
        if (store_migrate(&options, &(struct store_owner){.user = NULL}, &reason) != 0)
                fail_msg("%s", reason.text);
}

#endif
