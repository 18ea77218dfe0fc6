// SPDX-License-Identifier: MIT
/*
 * A PostgreSQL server of a test's own: in a temporary folder, on a Unix socket, as another user
 * than root, ended with the test. The superuser and the database are both called `isthmus`.
 */
#ifndef ISTHMUS_TESTS_SUPPORT_POSTGRES_H
#define ISTHMUS_TESTS_SUPPORT_POSTGRES_H

struct test_postgres;

/* NULL, after a line that says so, where PostgreSQL is not installed. Aborts if it can't start. */
struct test_postgres *test_postgres_new(void);

/* NULL is allowed. */
void test_postgres_free(struct test_postgres *server);

/* The folder with its socket, and the port, as a host of struct store_server. */
const char *test_postgres_host(const struct test_postgres *server);

/* It listens there on 127.0.0.1, too. */
int test_postgres_port(const struct test_postgres *server);

/* Runs SQL as the superuser; aborts if it fails. */
void test_postgres_run(const struct test_postgres *server, const char *sql);

/* Changes a setting ("ssl") that needs no restart to a value ("on"), and waits until it counts. */
void test_postgres_set(const struct test_postgres *server, const char *name, const char *value);

/* A file becomes the server's own, and nobody else's. */
void test_postgres_give(const struct test_postgres *server, const char *file);

/* Kills all its processes as a crash would; test_postgres_start brings it back. */
void test_postgres_kill(struct test_postgres *server);
void test_postgres_start(struct test_postgres *server);

/*
 * Copies it as it is now; later it is killed, and the copy takes its place as a standby would that
 * lacks what was committed since.
 */
void test_postgres_copy(const struct test_postgres *server);
void test_postgres_fail_over(struct test_postgres *server);

#endif
