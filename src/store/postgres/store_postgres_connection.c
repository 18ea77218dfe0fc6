// SPDX-License-Identifier: MIT
/*
 * A connection to the server.
 *
 * Laws of this file:
 *   - what is not answered in time, or not at all, ends the connection, and nothing is cancelled: a
 *     commit that waits for its standby must not be told that it is enough;
 *   - the server's certificate is verified, unless it is reached by a Unix socket;
 *   - no statement's values get into the log.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509/trust.h"
#include "store/postgres/store_postgres.h"

#define PASSWORD_MAX 65536

/* Of each host; libpq's least. */
#define CONNECT_TIMEOUT_S "2"

/* One wait for the server. */
#define WAIT_MS 100

/*
 * For each session. The server must notice soon that this program's machine is gone, since the lock
 * of the one writer ends with its session; and a role's or a database's own settings must not make
 * a commit less durable.
 */
#define SESSION                                                                                    \
        "-c search_path=isthmus -c synchronous_commit=on -c idle_in_transaction_session_timeout="  \
        "10s -c lock_timeout=2s -c statement_timeout=0 -c tcp_keepalives_idle=5 "                  \
        "-c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 "                                  \
        "-c plan_cache_mode=force_generic_plan -c jit=off"
#define READS_ONLY SESSION " -c default_transaction_read_only=on -c enable_seqscan=off"

/* --- what to connect to --------------------------------------------------------------------- */

static bool is_folder(const char *host)
{
        return host[0] == '/';
}

/* Adds the host and its port behind commas. */
static void add_host(struct buf *names, struct buf *ports, const char *host)
{
        const char *colon = strrchr(host, ':');
        size_t length = colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host);
        const char *port = host[length] ? host + length + 1 : "5432";

        buf_add_text(ports, ports->size > 0 ? "," : "");
        buf_add_text(ports, port);
        buf_add_text(names, names->size > 0 ? "," : "");
        if (host[0] == '[' && length > 2)
                buf_add(names, host + 1, length - 2);
        else
                buf_add(names, host, length);
}

char *store_postgres_place(const struct store_options *options)
{
        const struct store_server *server = &options->server;
        struct buf place = BUF_INIT;

        buf_add_format(&place, "%s on ", server->database ? server->database : "");
        for (size_t i = 0; i < server->host_count; i++)
                buf_add_format(&place, "%s%s", i > 0 ? ", " : "", server->hosts[i]);
        return buf_take(&place);
}

static int read_password(const struct store_server *server, struct buf *password,
                         struct reason *reason)
{
        int result;

        if (!server->password_file) {
                buf_add_text(password, server->password ? server->password : "");
                return 0;
        }
        result = file_read(server->password_file, PASSWORD_MAX, password, reason);
        if (result != 0)
                return result;
        while (password->size > 0 && strchr("\r\n", password->data[password->size - 1]))
                password->data[--password->size] = '\0';
        return 0;
}

struct key_words {
        const char *keys[20];
        const char *values[20];
        size_t count;
};

static void add_key_word(struct key_words *words, const char *key, const char *value)
{
        words->keys[words->count] = key;
        words->values[words->count++] = value;
}

/* Texts that a connection is made of. */
struct place {
        struct buf names;
        struct buf ports;
        struct buf password;
        struct trust *trust;
};

static void place_deinit(struct place *place)
{
        buf_deinit(&place->names);
        buf_deinit(&place->ports);
        buf_wipe(&place->password);
        trust_close(place->trust);
}

static int find_place(const struct store_server *server, struct place *place, struct reason *reason)
{
        int result;

        for (size_t i = 0; i < server->host_count; i++)
                add_host(&place->names, &place->ports, server->hosts[i]);
        result = read_password(server, &place->password, reason);
        for (size_t i = 0; i < server->host_count && result == 0 && !place->trust; i++) {
                if (!is_folder(server->hosts[i]))
                        result = trust_open(server->trusted_certificates, &place->trust, reason);
        }
        return result;
}

/* Within the 63 bytes that the server keeps of it. */
static void name_program(struct postgres *postgres)
{
        char host[25] = "";

        gethostname(host, sizeof(host) - 1);
        snprintf(postgres->program, sizeof(postgres->program), "isthmus on %s, process %ld", host,
                 (long)getpid());
}

static PGconn *open_connection(struct postgres *postgres, const struct place *place)
{
        const struct store_server *server = &postgres->options->server;
        struct key_words words = {.count = 0};

        name_program(postgres);

        add_key_word(&words, "host", buf_text(&place->names));
        add_key_word(&words, "port", buf_text(&place->ports));
        add_key_word(&words, "dbname", server->database);
        add_key_word(&words, "user", server->user);
        add_key_word(&words, "password", buf_text(&place->password));
        add_key_word(&words, "application_name", postgres->program);
        add_key_word(&words, "client_encoding", "UTF8");
        add_key_word(&words, "options", postgres->writes ? SESSION : READS_ONLY);
        add_key_word(&words, "target_session_attrs", "primary");
        add_key_word(&words, "connect_timeout", CONNECT_TIMEOUT_S);
        add_key_word(&words, "keepalives_idle", "5");
        add_key_word(&words, "keepalives_interval", "2");
        add_key_word(&words, "keepalives_count", "3");
        add_key_word(&words, "tcp_user_timeout", "5000");
        add_key_word(&words, "gssencmode", "disable");
        add_key_word(&words, "sslmode", "verify-full");
        if (place->trust)
                add_key_word(&words, "sslrootcert", trust_file(place->trust));
        add_key_word(&words, NULL, NULL);
        return PQconnectdbParams(words.keys, words.values, 0);
}

/* --- results -------------------------------------------------------------------------------- */

static int lost(struct postgres *postgres)
{
        postgres_disconnect(postgres);
        return STORE_E_AWAY;
}

/* By the class of SQLSTATE (appendix A of PostgreSQL's manual). */
static int judge(struct postgres *postgres, const PGresult *result, struct reason *reason)
{
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        /* Shut down, terminated; or it has become a standby. */
        if (PQstatus(postgres->db) != CONNECTION_OK || !state || strncmp(state, "08", 2) == 0 ||
            strncmp(state, "57P", 3) == 0 || text_equal(state, "25006")) {
                reason_set(reason, "%s", message ? message : "the connection is lost");
                return lost(postgres);
        }
        reason_set(reason, "%s (%s)", message ? message : "", state);
        if (strncmp(state, "53", 2) == 0)
                return STORE_E_FULL;
        if (text_equal(state, "55P03"))
                return -EBUSY;
        /* A circle of waiting, or not as if one after the other. */
        if (text_equal(state, "40P01") || text_equal(state, "40001"))
                return -EAGAIN;
        log_error("STORE_STATEMENT_FAILED", "The database refuses a statement",
                  LOG_TEXT("state", state), LOG_TEXT("reason", message ? message : ""), LOG_END);
        return -EIO;
}

/*
 * True if bytes came, or could be sent, before the time is over. What goes by while the process
 * stands still counts as one wait at most: the server has answered meanwhile.
 */
static bool wait_for_server(struct postgres *postgres, bool sends)
{
        struct pollfd fd = {.fd = PQsocket(postgres->db),
                            .events = (short)(POLLIN | (sends ? POLLOUT : 0))};
        int result = 0;

        while (result == 0 && postgres->left_ns > 0) {
                int64_t began_ns = clock_steady_ns();
                int64_t passed_ns;

                result = poll(&fd, 1, WAIT_MS);
                passed_ns = clock_steady_ns() - began_ns;
                postgres->left_ns -= passed_ns < WAIT_MS * CLOCK_NS_PER_MS
                                             ? passed_ns
                                             : WAIT_MS * CLOCK_NS_PER_MS;
        }
        return result > 0 || (result < 0 && errno == EINTR);
}

/* The next result; NULL as libpq gives it between statements, or if the connection is lost. */
static PGresult *next_result(struct postgres *postgres, bool *is_lost)
{
        *is_lost = false;
        for (;;) {
                int unsent = PQflush(postgres->db);

                *is_lost = unsent < 0 || PQstatus(postgres->db) != CONNECTION_OK;
                if (*is_lost)
                        return NULL;
                if (!PQisBusy(postgres->db))
                        return PQgetResult(postgres->db);
                *is_lost = !wait_for_server(postgres, unsent == 1) || !PQconsumeInput(postgres->db);
                if (*is_lost)
                        return NULL;
        }
}

/* Reads one statement's result and the end behind it. */
static PGresult *take_result(struct postgres *postgres, bool *is_lost)
{
        PGresult *result = next_result(postgres, is_lost);

        if (result && PQresultStatus(result) != PGRES_PIPELINE_SYNC)
                PQclear(next_result(postgres, is_lost));
        return result;
}

static bool is_good(const PGresult *result)
{
        ExecStatusType status = PQresultStatus(result);

        return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static void forget_results(PGresult **results, int count)
{
        for (int i = 0; i < count; i++) {
                PQclear(results[i]);
                results[i] = NULL;
        }
}

int postgres_collect(struct postgres *postgres, PGresult **results, int count,
                     struct reason *reason)
{
        bool is_lost = !postgres->db || PQpipelineSync(postgres->db) != 1;
        int failure = 0;

        memset(results, 0, (size_t)count * sizeof(PGresult *));
        postgres->sent = 0;
        for (int i = 0; i < count && !is_lost; i++) {
                results[i] = take_result(postgres, &is_lost);
                is_lost = is_lost || !results[i];
                if (failure == 0 && !is_lost && !is_good(results[i]))
                        failure = judge(postgres, results[i], reason);
                if (failure == STORE_E_AWAY)
                        break;
        }
        if (!is_lost && failure != STORE_E_AWAY) /* the synchronisation point */
                PQclear(take_result(postgres, &is_lost));
        if (is_lost) {
                reason_set(reason, "the server does not answer");
                failure = lost(postgres);
        }
        if (failure != 0)
                forget_results(results, count);
        return failure;
}

/* --- statements ----------------------------------------------------------------------------- */

/* What is under way begins now. */
static void begin_sending(struct postgres *postgres)
{
        if (postgres->sent++ == 0)
                postgres->left_ns = postgres->timeout_ms * CLOCK_NS_PER_MS;
}

int postgres_send(struct postgres *postgres, int number, const struct postgres_values *values)
{
        const char *texts[POSTGRES_PARAMETERS];
        int lengths[POSTGRES_PARAMETERS];
        int formats[POSTGRES_PARAMETERS];
        int count = values ? values->count : 0;
        char name[16];

        if (!postgres->db)
                return STORE_E_AWAY;
        for (int i = 0; i < count; i++) {
                texts[i] = buf_text(&values->values[i]);
                lengths[i] = (int)values->values[i].size;
                formats[i] = 1;
        }
        snprintf(name, sizeof(name), "s%d", number);
        begin_sending(postgres);
        if (PQsendQueryPrepared(postgres->db, name, count, texts, lengths, formats, 1) != 1)
                return lost(postgres);
        return 0;
}

int postgres_send_text(struct postgres *postgres, const char *sql)
{
        if (!postgres->db)
                return STORE_E_AWAY;
        begin_sending(postgres);
        if (PQsendQueryParams(postgres->db, sql, 0, NULL, NULL, NULL, NULL, 1) != 1)
                return lost(postgres);
        return 0;
}

int postgres_ask(struct postgres *postgres, int number, const struct postgres_values *values,
                 PGresult **result)
{
        int failure = postgres_send(postgres, number, values);

        *result = NULL;
        return failure ? failure : postgres_collect(postgres, result, 1, NULL);
}

int postgres_execute(struct postgres *postgres, const char *sql, struct reason *reason)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = postgres_send_text(postgres, sql);

        if (failure == 0)
                failure = postgres_collect(postgres, &result, 1, reason);
        return failure;
}

int postgres_ask_text(struct postgres *postgres, const char *sql, char *text, size_t size,
                      struct reason *reason)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = postgres_send_text(postgres, sql);

        text[0] = '\0';
        if (failure == 0)
                failure = postgres_collect(postgres, &result, 1, reason);
        if (failure == 0 && PQntuples(result) > 0)
                snprintf(text, size, "%s", postgres_text(result, 0, 0));
        return failure;
}

static int prepare(struct postgres *postgres, struct reason *reason)
{
        CLEANUP(mem_cleanup)
        PGresult **results = mem_new((size_t)postgres->statement_count, sizeof(*results));
        int failure = 0;

        for (int i = 0; i < postgres->statement_count && failure == 0; i++) {
                char name[16];

                snprintf(name, sizeof(name), "s%d", i);
                begin_sending(postgres);
                if (PQsendPrepare(postgres->db, name, postgres->statements[i], 0, NULL) != 1)
                        failure = lost(postgres);
        }
        if (failure == 0)
                failure = postgres_collect(postgres, results, postgres->statement_count, reason);
        forget_results(results, postgres->statement_count);
        return failure;
}

/* --- opening and closing -------------------------------------------------------------------- */

void postgres_disconnect(struct postgres *postgres)
{
        PQfinish(postgres->db);
        postgres->db = NULL;
        postgres->sent = 0;
}

/* libpq's messages end in a new line, and may have several. */
static void explain_connection(const struct postgres *postgres, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *text = mem_text(PQerrorMessage(postgres->db));
        CLEANUP(mem_cleanup) char *place = store_postgres_place(postgres->options);

        for (char *at = text; *at; at++) {
                if (*at == '\n')
                        *at = at[1] ? ';' : '\0';
        }
        reason_set(reason, "%s: %s", place, text);
}

int postgres_connect_bare(struct postgres *postgres, struct reason *reason)
{
        CLEANUP(place_deinit) struct place place = {.trust = NULL};
        int result = find_place(&postgres->options->server, &place, reason);

        if (result != 0)
                return result;
        postgres->timeout_ms = postgres->options->server.timeout_ms;
        postgres->db = open_connection(postgres, &place);
        if (PQstatus(postgres->db) != CONNECTION_OK) {
                explain_connection(postgres, reason);
                return lost(postgres);
        }
        if (PQserverVersion(postgres->db) < POSTGRES_VERSION_LEAST) {
                reason_set(reason, "the server is PostgreSQL %d; 13 is the least",
                           PQserverVersion(postgres->db) / 10000);
                postgres_disconnect(postgres);
                return STORE_E_VERSION;
        }
        if (PQsetnonblocking(postgres->db, 1) != 0 || PQenterPipelineMode(postgres->db) != 1)
                return lost(postgres);
        return 0;
}

/* A server that promises less than its answers say is no place for what was acknowledged. */
static int check_server(struct postgres *postgres, struct reason *reason)
{
        char careless[64];
        int result = postgres_ask_text(postgres,
                                       "SELECT coalesce(string_agg(name, ' and '), '') FROM"
                                       " pg_settings WHERE name IN ('fsync', 'full_page_writes')"
                                       " AND setting = 'off'",
                                       careless, sizeof(careless), reason);

        if (result != 0 || text_is_empty(careless))
                return result;
        reason_set(reason,
                   "the server's %s is off: it would lose what it says to have; switch it on",
                   careless);
        postgres_disconnect(postgres);
        return -EINVAL;
}

int postgres_connect(struct postgres *postgres, struct reason *reason)
{
        int result = postgres_connect_bare(postgres, reason);

        if (result == 0)
                result = check_server(postgres, reason);
        if (result == 0)
                result = postgres_check_schema(postgres, reason);
        if (result == 0)
                result = prepare(postgres, reason);
        if (result != 0)
                postgres_disconnect(postgres);
        return result;
}
