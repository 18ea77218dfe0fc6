// SPDX-License-Identifier: MIT
#include "cli/gateway/gateway_control.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/http_wait.h"
#include "gateway/control/control.h"

#define ANSWER_MAX   ((size_t)64 * 1024 * 1024)
#define ANSWER_DEPTH 80
#define TIMEOUT_MS   10000

/* Does somebody serve the socket? 0 or a negative errno: -EAGAIN if nobody takes connections. */
static int probe(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int result = 0;

        if (probe < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                result = -ENAMETOOLONG;
        else
                memcpy(address.sun_path, path, strlen(path) + 1);
        if (result == 0 && connect(probe, (struct sockaddr *)&address, sizeof(address)) != 0)
                result = -errno;
        close(probe);
        return result;
}

static int judge(int error, const char *path, const char *directory, struct reason *reason)
{
        switch (error) {
        case 0:
                return 0;
        case -ENOENT:
        case -ECONNREFUSED:
                reason_set(reason, "no gateway runs with the data in '%s'", directory);
                return GATEWAY_CONTROL_E_ABSENT;
        case -EACCES:
        case -EPERM:
                reason_set(reason,
                           "the control socket '%s' is not for you: call as the gateway's user "
                           "or as root",
                           path);
                return error;
        case -EAGAIN:
                reason_set(reason,
                           "the gateway takes no connection at '%s': it is too busy, or "
                           "it hangs",
                           path);
                return error;
        default:
                reason_set(reason, "the control socket '%s' can't be reached: %s", path,
                           strerror(-error));
                return error;
        }
}

int gateway_control_open(const char *data_directory, struct http_client **control,
                         struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/" CONTROL_SOCKET, data_directory);
        const struct http_client_options options = {
                .user_agent = "isthmus/" ISTHMUS_VERSION,
                .socket = path,
                .maximum_answer = ANSWER_MAX,
                .timeout_ms = TIMEOUT_MS,
        };
        int result = judge(probe(path), path, data_directory, reason);

        return result == 0 ? http_client_new(&options, control, reason) : result;
}

void gateway_control_argument(struct buf *path, const char *name, const char *value)
{
        if (!value)
                return;
        buf_add_format(path, "%c%s=", strchr(buf_text(path), '?') ? '&' : '?', name);
        text_url_escape(path, value);
}

void gateway_control_number(struct buf *path, const char *name, int64_t value)
{
        CLEANUP(mem_cleanup) char *text = mem_format("%lld", (long long)value);

        if (value != 0)
                gateway_control_argument(path, name, text);
}

static struct json_object *call(struct http_client *control, struct http_request *request,
                                const char *path, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *url = mem_format("http://localhost%s", path);
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct json_object *document;
        const char *detail;
        int status = 0;

        request->url = url;
        if (http_wait(control, request, &status, &body, reason) != 0)
                return NULL;
        document = json_parse(buf_text(&body), body.size, ANSWER_DEPTH, JSON_STRICT, reason);
        if (document && status / 100 == 2)
                return document;
        detail = json_text_member(document, "detail");
        reason_set(reason, "%s", detail ? detail : "the gateway's answer can't be read");
        json_object_put(document);
        return NULL;
}

struct json_object *gateway_control_call(struct http_client *control, const char *method,
                                         const char *path, struct reason *reason)
{
        return call(control, &(struct http_request){.method = method}, path, reason);
}

struct json_object *gateway_control_send(struct http_client *control, const char *path,
                                         const struct buf *body, struct reason *reason)
{
        const struct http_header type = {"Content-Type", "application/json"};

        return call(control,
                    &(struct http_request){.method = "POST",
                                           .headers = &type,
                                           .header_count = 1,
                                           .body = buf_text(body),
                                           .body_size = body->size},
                    path, reason);
}
