// SPDX-License-Identifier: MIT
#include "support/postgres.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define DEADLINE_MS 120000
#define PAUSE_US    20000

struct test_postgres {
        char *programs; /* folder */
        char *folder;
        char *host; /* folder:port */
        int port;
        uid_t user;
        gid_t group;
        pid_t pid; /* 0 = does not run */
};

static void give_up(const char *what)
{
        fprintf(stderr, "a PostgreSQL for the test: %s\n", what);
        abort();
}

/* The newest version's programs, which Debian keeps out of PATH; NULL if there are none. */
static char *find_programs(void)
{
        char *folder = NULL;
        glob_t found;

        if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc > 0)
                folder = mem_text_n(found.gl_pathv[found.gl_pathc - 1],
                                    strlen(found.gl_pathv[found.gl_pathc - 1]) - strlen("/initdb"));
        globfree(&found);
        return folder;
}

/* PostgreSQL refuses to be run by root. */
static void choose_user(struct test_postgres *server)
{
        const struct passwd *user = getpwnam("postgres");

        server->user = geteuid();
        server->group = getegid();
        if (server->user != 0)
                return;
        if (!user)
                user = getpwnam("nobody");
        if (!user)
                give_up("there is no user for it");
        server->user = user->pw_uid;
        server->group = user->pw_gid;
}

/* In the child: never returns. Ends with the test, also if that is killed. */
static void become(const struct test_postgres *server, const char *log,
                   const char *const *arguments)
{
        CLEANUP(mem_cleanup) char *program = mem_format("%s/%s", server->programs, arguments[0]);
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

        if (out >= 0) {
                dup2(out, STDOUT_FILENO);
                dup2(out, STDERR_FILENO);
        }
        if (geteuid() == 0 &&
            (setgroups(0, NULL) != 0 || setgid(server->group) != 0 || setuid(server->user) != 0))
                _exit(126);
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (chdir("/") == 0)
                execv(program, (char *const *)(uintptr_t)arguments);
        _exit(127);
}

static pid_t start(const struct test_postgres *server, const char *const *arguments)
{
        CLEANUP(mem_cleanup) char *log = mem_format("%s/log", server->folder);
        pid_t pid = fork();

        if (pid == 0)
                become(server, log, arguments);
        if (pid < 0)
                give_up("fork");
        return pid;
}

static int run(const struct test_postgres *server, const char *const *arguments)
{
        pid_t pid = start(server, arguments);
        int status = -1;

        while (waitpid(pid, &status, 0) < 0)
                continue;
        return status;
}

static int run_sql(const struct test_postgres *server, const char *database, const char *sql)
{
        CLEANUP(mem_cleanup) char *port = mem_format("%d", server->port);
        const char *const arguments[] = {
                "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", server->folder,
                "-p",   port,  "-U", "isthmus",         "-d", database,
                "-c",   sql,   NULL};

        return run(server, arguments);
}

void test_postgres_run(const struct test_postgres *server, const char *sql)
{
        if (run_sql(server, "isthmus", sql) != 0)
                give_up(sql);
}

void test_postgres_set(const struct test_postgres *server, const char *name, const char *value)
{
        CLEANUP(mem_cleanup)
        char *set = mem_format("ALTER SYSTEM SET %s = '%s'", name, value);
        CLEANUP(mem_cleanup)
        char *ask = mem_format("SELECT 1 / (current_setting('%s') = '%s')::int", name, value);
        int64_t deadline_ms = clock_steady_ms() + DEADLINE_MS;

        test_postgres_run(server, set);
        test_postgres_run(server, "SELECT pg_reload_conf()");
        while (run_sql(server, "isthmus", ask) != 0) {
                if (clock_steady_ms() > deadline_ms)
                        give_up(ask);
                usleep(PAUSE_US);
        }
}

void test_postgres_give(const struct test_postgres *server, const char *file)
{
        if (chmod(file, 0600) != 0 || chown(file, server->user, server->group) != 0)
                give_up(file);
}

/* One that is free now. */
static int find_port(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) != 0)
                give_up("a port");
        close(fd);
        return ntohs(address.sin_port);
}

void test_postgres_start(struct test_postgres *server)
{
        CLEANUP(mem_cleanup) char *data = mem_format("%s/data", server->folder);
        CLEANUP(mem_cleanup) char *port = mem_format("%d", server->port);
        const char *const arguments[] = {"postgres",
                                         "-D",
                                         data,
                                         "-k",
                                         server->folder,
                                         "-p",
                                         port,
                                         "-c",
                                         "listen_addresses=127.0.0.1",
                                         "-c",
                                         "shared_buffers=16MB",
                                         "-c",
                                         "max_connections=60",
                                         "-c",
                                         "restart_after_crash=off",
                                         NULL};
        int64_t deadline_ms = clock_steady_ms() + DEADLINE_MS;

        server->pid = start(server, arguments);
        while (run_sql(server, "postgres", "SELECT 1") != 0) {
                if (clock_steady_ms() > deadline_ms || waitpid(server->pid, NULL, WNOHANG) != 0)
                        give_up("it does not start");
                usleep(PAUSE_US);
        }
}

void test_postgres_kill(struct test_postgres *server)
{
        int status;

        /* Its own processes end at once, without a checkpoint, when the first of them is told so.
         */
        kill(server->pid, SIGQUIT);
        while (waitpid(server->pid, &status, 0) < 0)
                continue;
        server->pid = 0;
}

void test_postgres_copy(const struct test_postgres *server)
{
        CLEANUP(mem_cleanup) char *copy = mem_format("%s/copy", server->folder);
        CLEANUP(mem_cleanup) char *port = mem_format("%d", server->port);
        const char *const arguments[] = {"pg_basebackup",
                                         "-D",
                                         copy,
                                         "-h",
                                         server->folder,
                                         "-p",
                                         port,
                                         "-U",
                                         "isthmus",
                                         "-c",
                                         "fast",
                                         "-R",
                                         NULL};

        if (run(server, arguments) != 0)
                give_up("pg_basebackup");
}

void test_postgres_fail_over(struct test_postgres *server)
{
        CLEANUP(mem_cleanup) char *data = mem_format("%s/data", server->folder);
        CLEANUP(mem_cleanup) char *lost = mem_format("%s/lost", server->folder);
        CLEANUP(mem_cleanup) char *copy = mem_format("%s/copy", server->folder);

        test_postgres_kill(server);
        if (rename(data, lost) != 0 || rename(copy, data) != 0)
                give_up(copy);
        test_postgres_start(server);
        test_postgres_run(server, "SELECT pg_promote()");
}

static void make_data(struct test_postgres *server)
{
        CLEANUP(mem_cleanup) char *data = mem_format("%s/data", server->folder);
        const char *const arguments[] = {"initdb",  "-D", data,   "-A",         "trust",     "-U",
                                         "isthmus", "-E", "UTF8", "--locale=C", "--no-sync", NULL};

        if (run(server, arguments) != 0)
                give_up("initdb");
}

struct test_postgres *test_postgres_new(void)
{
        struct test_postgres *server;
        char *programs = find_programs();

        if (!programs) {
                printf("PostgreSQL is not installed (Debian's package postgresql): what needs it "
                       "is "
                       "skipped\n");
                return NULL;
        }
        server = mem_new(1, sizeof(*server));
        server->programs = programs;
        /* A socket's path must be short. */
        server->folder = mem_text("/tmp/isthmus-pg-XXXXXX");
        choose_user(server);
        server->port = find_port();
        if (!mkdtemp(server->folder) || chown(server->folder, server->user, server->group) != 0)
                give_up(server->folder);
        server->host = mem_format("%s:%d", server->folder, server->port);
        make_data(server);
        test_postgres_start(server);
        if (run_sql(server, "postgres", "CREATE DATABASE isthmus") != 0)
                give_up("CREATE DATABASE");
        return server;
}

void test_postgres_free(struct test_postgres *server)
{
        CLEANUP(mem_cleanup) char *command = NULL;

        if (!server)
                return;
        if (server->pid)
                test_postgres_kill(server);
        command = mem_format("rm -rf '%s'", server->folder);
        if (system(command) != 0)
                give_up(command);
        free(server->folder);
        free(server->host);
        free(server->programs);
        free(server);
}

const char *test_postgres_host(const struct test_postgres *server)
{
        return server->host;
}

int test_postgres_port(const struct test_postgres *server)
{
        return server->port;
}
