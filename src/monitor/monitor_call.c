// SPDX-License-Identifier: MIT
#include "monitor/monitor_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#define NAME_SIZE   160
#define TARGET_SIZE 256
#define RESULT_SIZE 16

/* Members of a collection follow its name, which is a plural of some length in REST APIs. */
#define PLURAL_MIN 5

struct monitor_call {
        int64_t started_ns;
        char name[NAME_SIZE];
        char target[TARGET_SIZE];
};

static bool is_plural(const char *part, size_t size)
{
        return size >= PLURAL_MIN && part[size - 1] == 's';
}

/* A number, a key, a file. */
static bool is_thing(const char *part, size_t size)
{
        bool is_version = size <= 3 && part[0] == 'v';

        return !is_version && strcspn(part, "0123456789.") < size;
}

/* Adds the path with places for what differs from one thing to another. */
static void add_template(struct buf *out, const char *path)
{
        const char *before = "";
        size_t before_size = 0;

        while (*path == '/') {
                const char *part = path + 1;
                size_t size = strcspn(part, "/?#");

                buf_add_char(out, '/');
                if (size > 0 && (is_plural(before, before_size) || is_thing(part, size)))
                        buf_add_text(out, "{id}");
                else
                        buf_add(out, part, size);
                before = part;
                before_size = size;
                path = part + size;
        }
}

static void describe(struct monitor_call *call, const char *method, const char *url)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        const char *host = strstr(url, "://");

        host = host ? host + strlen("://") : url;
        snprintf(call->target, sizeof(call->target), "%.*s", (int)strcspn(host, "/?#"), host);
        buf_add_format(&name, "%s ", method);
        add_template(&name, host + strcspn(host, "/?#"));
        snprintf(call->name, sizeof(call->name), "%s", buf_text(&name));
}

struct monitor_call *monitor_call_begin(struct monitor *monitor, const char *method,
                                        const char *url)
{
        struct monitor_call *call;

        if (!monitor)
                return NULL;
        call = mem_new(1, sizeof(*call));
        call->started_ns = clock_steady_ns();
        describe(call, method, url);
        return call;
}

static void write_result(enum http_failure failure, int status, char result[RESULT_SIZE])
{
        static const char *const failures[] = {
                [HTTP_OK] = "",
                [HTTP_E_CONNECT] = "no connection",
                [HTTP_E_TLS] = "tls",
                [HTTP_E_TIMEOUT] = "timeout",
                [HTTP_E_BROKEN] = "broken",
                [HTTP_E_TOO_LARGE] = "too large",
                [HTTP_E_STOPPED] = "stopped",
        };

        if (failure == HTTP_OK)
                snprintf(result, RESULT_SIZE, "%d", status);
        else
                snprintf(result, RESULT_SIZE, "%s", failures[failure]);
}

static void tell(struct monitor *monitor, const char *type, const struct monitor_call *call,
                 enum http_failure failure, int status, const char *operation)
{
        char result[RESULT_SIZE];

        write_result(failure, status, result);
        monitor_dependency(monitor,
                           &(struct monitor_dependency){
                                   .type = type,
                                   .target = call->target,
                                   .name = call->name,
                                   .result = result,
                                   .success = failure == HTTP_OK && status >= 200 && status < 300,
                                   .started_ns = call->started_ns,
                                   .message_id = operation,
                                   .stage = MONITOR_CALL,
                           });
}

void monitor_call_end(struct monitor *monitor, struct monitor_call *call, enum http_failure failure,
                      int status, const char *operation)
{
        if (!call)
                return;
        tell(monitor, MONITOR_TYPE_HTTP, call, failure, status, operation);
        free(call);
}

/* --- of others' requests -------------------------------------------------------------------- */

static void on_ended(void *monitor, const struct http_ended *ended)
{
        struct monitor_call call = {.started_ns = ended->started_ns};

        describe(&call, ended->method, ended->url);
        tell(monitor, ended->service, &call, ended->answer->failure, ended->answer->status, NULL);
}

struct http_watch monitor_call_watch(struct monitor *monitor, const char *type)
{
        return (struct http_watch){
                .ended = monitor ? on_ended : NULL, .context = monitor, .service = type};
}
