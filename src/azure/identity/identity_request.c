// SPDX-License-Identifier: MIT
#include "azure/identity/identity_request.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "azure/endpoint.h"
#include "azure/identity/identity_assertion.h"
#include "azure/key_values.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define MACHINE   "http://169.254.169.254"
#define ARC       "http://127.0.0.1:40342/metadata/identity/oauth2/token"

/* What Arc's agent writes is much shorter. */
#define ARC_FILE_MAX 4096

/* Tokens of Kubernetes are some kilobytes. */
#define TOKEN_FILE_MAX 65536

/* A day is the longest that any source gives. */
#define LIFE_MAX_S (INT64_C(7) * 24 * 3600)

/* --- the source ----------------------------------------------------------------------------- */

/* NULL if it is not set or empty. */
static const char *variable(char *const *environment, const char *name)
{
        size_t length = strlen(name);

        for (; environment && *environment; environment++) {
                const char *at = *environment;

                if (strncmp(at, name, length) == 0 && at[length] == '=')
                        return at[length + 1] != '\0' ? at + length + 1 : NULL;
        }
        return NULL;
}

static bool is_safe_url(const char *name, const char *url, struct reason *reason)
{
        bool plain = strncasecmp(url, "http://", 7) == 0;
        CLEANUP(mem_cleanup) char *host = NULL;
        struct endpoint endpoint;

        if (plain || strncasecmp(url, "https://", 8) == 0) {
                const char *authority = url + (plain ? 7 : 8);

                host = mem_text_n(authority, strcspn(authority, "/?#"));
                /* A machine's own services are plain http on addresses that no router passes on. */
                if (endpoint_parse(host, 443, &endpoint, NULL) &&
                    (!plain || endpoint_is_loopback(endpoint.host) ||
                     strncmp(endpoint.host, "169.254.", 8) == 0))
                        return true;
        }
        reason_set(reason, "%s is no https:// URL, nor one of this machine", name);
        return false;
}

static char *url_without_slash(const char *url)
{
        return mem_text_n(url, text_size_without(url, "/"));
}

static bool choose_login(char *const *environment, struct identity_facts *facts,
                         struct reason *reason)
{
        const char *authority = variable(environment, "AZURE_AUTHORITY_HOST");

        if (!authority)
                authority = AUTHORITY;
        facts->tenant = mem_text(variable(environment, "AZURE_TENANT_ID"));
        facts->authority = url_without_slash(authority);
        return is_safe_url("AZURE_AUTHORITY_HOST", authority, reason);
}

static bool choose_machine(char *const *environment, const char *arc_agent,
                           struct identity_facts *facts, struct reason *reason)
{
        const char *endpoint = variable(environment, "IDENTITY_ENDPOINT");
        const char *header = variable(environment, "IDENTITY_HEADER");
        const char *machine = variable(environment, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
        bool arc = variable(environment, "IMDS_ENDPOINT") != NULL;

        if (endpoint && (header || arc)) {
                facts->source = header ? IDENTITY_APP_SERVICE : IDENTITY_ARC;
                facts->endpoint = mem_text(endpoint);
                facts->header = mem_text(header);
                return is_safe_url("IDENTITY_ENDPOINT", endpoint, reason);
        }
        if (access(arc_agent, F_OK) == 0) {
                facts->source = IDENTITY_ARC;
                facts->endpoint = mem_text(ARC);
                return true;
        }
        if (!machine)
                machine = MACHINE;
        facts->source = IDENTITY_MACHINE;
        facts->endpoint = mem_format("%.*s/metadata/identity/oauth2/token",
                                     (int)text_size_without(machine, "/"), machine);
        return is_safe_url("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine, reason);
}

bool identity_facts_read(char *const *environment, const char *arc_agent, const char *arc_tokens,
                         struct identity_facts *facts, struct reason *reason)
{
        const char *secret = variable(environment, "AZURE_CLIENT_SECRET");
        const char *certificate = variable(environment, "AZURE_CLIENT_CERTIFICATE_PATH");
        const char *token = variable(environment, "AZURE_FEDERATED_TOKEN_FILE");
        const char *client = variable(environment, "AZURE_CLIENT_ID");
        bool named = client && variable(environment, "AZURE_TENANT_ID");

        *facts = (struct identity_facts){.client = mem_text(client),
                                         .arc_tokens = mem_text(arc_tokens)};
        if (!named || (!secret && !certificate && !token))
                return choose_machine(environment, arc_agent, facts, reason);
        facts->source = secret        ? IDENTITY_SECRET
                        : certificate ? IDENTITY_CERTIFICATE
                                      : IDENTITY_WORKLOAD;
        facts->secret = mem_text(secret);
        facts->file = mem_text(certificate ? certificate : token);
        return choose_login(environment, facts, reason);
}

void identity_facts_deinit(struct identity_facts *facts)
{
        char **const texts[] = {&facts->tenant, &facts->client,    &facts->secret,
                                &facts->file,   &facts->authority, &facts->endpoint,
                                &facts->header, &facts->arc_tokens};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                key_values_wipe_text(texts[i]);
}

const char *identity_source_name(enum identity_source source)
{
        static const char *const names[] = {
                [IDENTITY_SECRET] = "application with a secret",
                [IDENTITY_CERTIFICATE] = "application with a certificate",
                [IDENTITY_WORKLOAD] = "workload identity",
                [IDENTITY_APP_SERVICE] = "managed identity of App Service",
                [IDENTITY_ARC] = "managed identity of Azure Arc",
                [IDENTITY_MACHINE] = "managed identity of the virtual machine",
        };

        return names[source];
}

/* --- requests ------------------------------------------------------------------------------- */

void identity_request_deinit(struct identity_request *request)
{
        buf_deinit(&request->url);
        buf_wipe(&request->body);
        buf_wipe(&request->header);
}

static void add_header(struct identity_request *made, const char *name, const char *value)
{
        made->headers[made->request.header_count++] =
                (struct http_header){.name = name, .value = value};
}

static void add_field(struct buf *out, char separator, const char *name, const char *value)
{
        if (separator != '\0')
                buf_add_char(out, separator);
        buf_add_format(out, "%s=", name);
        text_url_escape(out, value);
}

static bool read_token_file(const char *file, struct buf *token, struct reason *reason)
{
        if (file_read(file, TOKEN_FILE_MAX, token, reason) != 0)
                return false;
        buf_trim_end(token, " \t\r\n");
        if (token->size > 0)
                return true;
        reason_set(reason, "the file '%s' is empty", file);
        return false;
}

static bool add_proof(const struct identity_facts *facts, struct identity_request *made,
                      struct reason *reason)
{
        CLEANUP(buf_wipe) struct buf assertion = BUF_INIT;

        if (facts->source == IDENTITY_SECRET) {
                add_field(&made->body, '&', "client_secret", facts->secret);
                return true;
        }
        if (facts->source == IDENTITY_WORKLOAD && !read_token_file(facts->file, &assertion, reason))
                return false;
        if (facts->source == IDENTITY_CERTIFICATE &&
            !identity_assertion_make(facts->file, facts->client, buf_text(&made->url), &assertion,
                                     reason))
                return false;
        add_field(&made->body, '&', "client_assertion_type",
                  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        add_field(&made->body, '&', "client_assertion", buf_text(&assertion));
        return true;
}

static bool make_login(const struct identity_facts *facts, const char *resource,
                       struct identity_request *made, struct reason *reason)
{
        CLEANUP(mem_cleanup)
        char *scope = mem_format("%.*s/.default", (int)text_size_without(resource, "/"), resource);

        buf_add_format(&made->url, "%s/%s/oauth2/v2.0/token", facts->authority, facts->tenant);
        add_field(&made->body, '\0', "client_id", facts->client);
        add_field(&made->body, '&', "scope", scope);
        add_field(&made->body, '&', "grant_type", "client_credentials");
        if (!add_proof(facts, made, reason))
                return false;
        made->request.method = "POST";
        made->request.body = buf_text(&made->body);
        made->request.body_size = made->body.size;
        add_header(made, "Content-Type", "application/x-www-form-urlencoded");
        return true;
}

static const char *machine_version(enum identity_source source)
{
        return source == IDENTITY_APP_SERVICE ? "2019-08-01"
               : source == IDENTITY_ARC       ? "2020-06-01"
                                              : "2018-02-01";
}

static void make_machine(const struct identity_facts *facts, const char *resource,
                         const char *client, struct identity_request *made)
{
        buf_add_text(&made->url, facts->endpoint);
        add_field(&made->url, strchr(facts->endpoint, '?') ? '&' : '?', "api-version",
                  machine_version(facts->source));
        add_field(&made->url, '&', "resource", resource);
        if (client && facts->source != IDENTITY_ARC)
                add_field(&made->url, '&', "client_id", client);
        made->request.method = "GET";
        made->request.direct = true;
        if (facts->source == IDENTITY_APP_SERVICE) {
                buf_add_text(&made->header, facts->header);
                add_header(made, "X-IDENTITY-HEADER", buf_text(&made->header));
        } else {
                add_header(made, "Metadata", "true");
        }
}

bool identity_request_make(const struct identity_facts *facts, const char *resource,
                           const char *client, struct identity_request *made, struct reason *reason)
{
        bool good = true;

        made->request.headers = made->headers;
        if (facts->authority)
                good = make_login(facts, resource, made, reason);
        else
                make_machine(facts, resource, client ? client : facts->client, made);
        made->request.url = buf_text(&made->url);
        return good;
}

/* --- the proof that Arc wants (rule K2) ----------------------------------------------------- */

/* The path in `Basic realm=PATH`, as it is or in quotes; false if there is none. */
static bool find_realm(const struct http_answer *answer, struct buf *path)
{
        CLEANUP(buf_deinit) struct buf header = BUF_INIT;
        const char *at;

        if (!http_answer_header(answer, "WWW-Authenticate", &header))
                return false;
        at = strcasestr(buf_text(&header), "realm=");
        if (strncasecmp(buf_text(&header), "Basic ", 6) != 0 || !at)
                return false;
        at += strlen("realm=") + (at[strlen("realm=")] == '"' ? 1 : 0);
        buf_add(path, at, strcspn(at, "\" ,"));
        return path->size > 0;
}

static bool may_be_read(const struct identity_facts *facts, const char *path)
{
        size_t folder = strlen(facts->arc_tokens);

        return strncmp(path, facts->arc_tokens, folder) == 0 && path[folder] == '/' &&
               !strchr(path + folder + 1, '/') && path[folder + 1] != '.' &&
               text_size_without(path + folder + 1, ".key") < strlen(path + folder + 1);
}

static bool read_proof(const char *path, struct buf *proof, struct reason *reason)
{
        int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        char bytes[ARC_FILE_MAX];
        struct stat status;
        ssize_t size = -1;

        if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
            status.st_size <= ARC_FILE_MAX)
                size = read(file, bytes, sizeof(bytes));
        if (size > 0)
                buf_add(proof, bytes, (size_t)size);
        else
                reason_set(reason,
                           "the file '%s' of Azure Arc can't be read; the gateway's user "
                           "must be in the group himds",
                           path);
        mem_wipe(bytes, sizeof(bytes));
        if (file >= 0)
                close(file);
        return size > 0;
}

bool identity_request_prove(const struct identity_facts *facts, const struct http_answer *answer,
                            struct identity_request *made, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        if (facts->source != IDENTITY_ARC || answer->failure != HTTP_OK || answer->status != 401 ||
            made->header.size > 0 || !find_realm(answer, &path)) {
                reason_set(reason, "Azure Arc names no file that shows who we are");
                return false;
        }
        if (!may_be_read(facts, buf_text(&path))) {
                reason_set(reason, "Azure Arc names a file that is not one of its own");
                return false;
        }
        buf_add_text(&made->header, "Basic ");
        if (!read_proof(buf_text(&path), &made->header, reason))
                return false;
        add_header(made, "Authorization", buf_text(&made->header));
        return true;
}

/* --- answers -------------------------------------------------------------------------------- */

/* Seconds from now: `expires_in`, else `expires_on` (since 1970); numbers or texts. */
static bool read_life(struct json_object *object, int64_t now_ms, int64_t *life_s)
{
        int64_t on_s;

        if (json_int_member(object, "expires_in", life_s))
                return true;
        if (!json_int_member(object, "expires_on", &on_s))
                return false;
        *life_s = on_s - now_ms / 1000;
        return true;
}

bool identity_answer_read(const char *body, size_t size, int64_t now_ms,
                          struct identity_answer *answer, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *object = json_parse(body, size, 8, JSON_STRICT, NULL);
        const char *token = json_text_member(object, "access_token");
        int64_t life_s;

        if (text_is_empty(token) || !read_life(object, now_ms, &life_s) || life_s <= 0 ||
            strcspn(token, " \r\n") != strlen(token)) {
                reason_set(reason, "the answer holds no token that is good from now on");
                return false;
        }
        buf_add_text(&answer->token, token);
        answer->life_ms = (life_s < LIFE_MAX_S ? life_s : LIFE_MAX_S) * 1000;
        mem_wipe((void *)(uintptr_t)token, strlen(token));
        return true;
}

void identity_answer_explain(const struct http_answer *answer, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *object =
                json_parse(buf_text(&answer->body), answer->body.size, 8, JSON_STRICT, NULL);
        const char *error = json_text_member(object, "error");
        const char *description = json_text_member(object, "error_description");

        if (answer->failure != HTTP_OK)
                *reason = answer->reason;
        else if (error)
                reason_set(reason, "%.60s: %.*s", error,
                           description ? (int)strcspn(description, "\r\n") : 0,
                           description ? description : "");
        else
                reason_set(reason, "status %d", answer->status);
}
