// SPDX-License-Identifier: MIT
#include "camera/watch/health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "camera/watch/describe.h"
#include "camera/watch/page.h"
#include "http/http_server.h"

#define METRICS_TYPE "text/plain; version=0.0.4"

struct health {
        struct health_options options;
        struct http_server *server;
};

/* --- /healthz -------------------------------------------------------------------------------- */

/* 200 whatever the cameras say: that the program answers is what a supervisor asks. */
static void answer_health(const struct health *health, struct http_exchange *exchange)
{
        struct json_object *answer = json_object_new_object();
        struct json_object *cameras = json_object_new_array();
        bool is_good = true;

        for (size_t i = 0; i < health->options.count; i++)
                json_object_array_add(cameras,
                                      camera_describe(health->options.cameras[i], &is_good));
        json_add_text(answer, "status", is_good ? "good" : "trouble");
        json_add_text(answer, "version", ISTHMUS_VERSION);
        json_object_object_add(answer, "cameras", cameras);
        http_exchange_answer_json(exchange, 200, answer);
}

/* --- /metrics -------------------------------------------------------------------------------- */

struct counter {
        const char *name; /* labels but for the camera's in it */
        const char *help; /* "" = as the row before */
        size_t offset;
};

#define COUNTER(field, text, said)                                                                 \
        {                                                                                          \
                .name = (text), .help = (said), .offset = offsetof(struct camera_status, field)    \
        }

static const struct counter counters[] = {
        COUNTER(looked_at, "isthmus_camera_pictures_total{result=\"looked_at\"",
                "Pictures by what became of them"),
        COUNTER(failed, "isthmus_camera_pictures_total{result=\"failed\"", ""),
        COUNTER(too_old, "isthmus_camera_pictures_total{result=\"too_old\"", ""),
        COUNTER(skipped, "isthmus_camera_ticks_skipped_total{",
                "Ticks of the timer while a picture was being looked at"),
        COUNTER(told, "isthmus_camera_tallies_total{result=\"stored\"", "Tallies for the cloud"),
        COUNTER(lost, "isthmus_camera_tallies_total{result=\"lost\"", ""),
        COUNTER(uploaded, "isthmus_camera_uploads_total{result=\"sent\"", "Pictures for upload"),
        COUNTER(upload_failed, "isthmus_camera_uploads_total{result=\"failed\"", ""),
        COUNTER(upload_dropped, "isthmus_camera_uploads_total{result=\"dropped\"", ""),
};

static void write_name(const char *name, struct buf *out)
{
        for (; *name; name++) {
                if (*name == '"' || *name == '\\')
                        buf_add_char(out, '\\');
                buf_add_char(out, *name == '\n' ? ' ' : *name);
        }
}

static void write_counter(const struct health *health, const struct counter *counter,
                          struct buf *out)
{
        size_t size = strcspn(counter->name, "{");

        if (counter->help[0])
                buf_add_format(out, "# HELP %.*s %s\n# TYPE %.*s counter\n", (int)size,
                               counter->name, counter->help, (int)size, counter->name);
        for (size_t i = 0; i < health->options.count; i++) {
                struct camera_status status;
                int64_t value;

                camera_status(health->options.cameras[i], &status);
                memcpy(&value, (const char *)&status + counter->offset, sizeof(value));
                buf_add_format(out, "%s%scamera=\"", counter->name,
                               counter->name[size + 1] ? "," : "");
                write_name(status.name, out);
                buf_add_format(out, "\"} %" PRId64 "\n", value);
        }
}

static void answer_metrics(const struct health *health, struct http_exchange *exchange)
{
        struct buf out = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
                write_counter(health, &counters[i], &out);
        metrics_write(&out);
        http_exchange_answer(exchange, 200, METRICS_TYPE, &out);
}

/* --- the server ------------------------------------------------------------------------------ */

static void handle(void *context, struct http_exchange *exchange)
{
        const struct health *health = context;
        const char *path = http_exchange_path(exchange);

        if (strcmp(http_exchange_method(exchange), "GET") != 0)
                http_exchange_problem(exchange, 405, "Method not allowed", "GET is what there is");
        else if (strcmp(path, "/healthz") == 0)
                answer_health(health, exchange);
        else if (strcmp(path, "/metrics") == 0)
                answer_metrics(health, exchange);
        else if (!page_answer(health->options.cameras, health->options.count, exchange))
                http_exchange_problem(exchange, 404, "Not found",
                                      "the page at /, /healthz and /metrics are here");
}

/* Which names a web page could reach this by are nobody's business. */
static void admit(void *context, struct http_exchange *exchange)
{
        const struct health *health = context;
        const char *key = conf_secret_text(health->options.key);

        if (conf_secret_is_awaited(key))
                http_exchange_problem(exchange, 503, "Not ready",
                                      "PageKey is not known yet: its Key Vault has not given it");
        else if (key)
                page_admit(key, exchange);
        else if (http_exchange_is_from_a_page(exchange))
                http_exchange_problem(exchange, 403, "Forbidden",
                                      "requests of web pages are not answered");
}

int health_start(const struct health_options *options, struct health **health,
                 struct reason *reason)
{
        struct health *made = mem_new(1, sizeof(*made));
        int result;

        made->options = *options;
        result = http_server_start(&(struct http_server_options){.thread = "health",
                                                                 .host = options->host,
                                                                 .port = options->port,
                                                                 .maximum_body = 1024,
                                                                 .header_timeout_ms = 5000,
                                                                 .request_timeout_ms = 5000,
                                                                 .maximum_connections = 32,
                                                                 .methods = "GET",
                                                                 .admit = admit,
                                                                 .handle = handle,
                                                                 .context = made},
                                   &made->server, reason);
        if (result != 0) {
                free(made);
                return result;
        }
        *health = made;
        return 0;
}

uint16_t health_port(const struct health *health)
{
        return http_server_port(health->server);
}

void health_stop(struct health *health)
{
        if (!health)
                return;
        http_server_free(health->server);
        free(health);
}
