// SPDX-License-Identifier: MIT
#include "cli/localhub/hub_control.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/http_wait.h"
#include "cli/localhub/hub_settings.h"
#include "http/client/http_client.h"

#define ANSWER_MAX     ((size_t)256 * 1024 * 1024)
#define HUB_JSON_MAX   ((size_t)1024 * 1024)
#define HUB_JSON_DEPTH 8

struct hub_control {
        char *url;
        char *authorization; /* NULL = the API asks for none */
        struct http_client *http;
};

static void set_token(struct hub_control *control, const char *token)
{
        if (token)
                control->authorization = mem_format("Bearer %s", token);
}

static char *url_of_directory(struct hub_control *control, const char *directory,
                              struct reason *reason)
{
        CLEANUP(mem_cleanup)
        char *chosen = directory ? mem_text(directory) : hub_settings_default_directory();
        CLEANUP(mem_cleanup) char *path = mem_format("%s/hub.json", chosen);
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *document = NULL;
        const char *url;

        if (file_read(path, HUB_JSON_MAX, &content, NULL) != 0) {
                reason_set(reason,
                           "no hub runs with the data in '%s' (there is no hub.json); name "
                           "another with --data or --control",
                           chosen);
                return NULL;
        }
        document =
                json_parse(buf_text(&content), content.size, HUB_JSON_DEPTH, JSON_STRICT, reason);
        url = json_text_member(document, "control");
        if (!url)
                reason_prefix(reason, "'%s' names no control API", path);
        set_token(control, json_text_member(document, "controlToken"));
        return mem_text(url);
}

int hub_control_open(const char *url, const char *directory, struct hub_control **control,
                     struct reason *reason)
{
        const struct http_client_options options = {
                .user_agent = "isthmus/" ISTHMUS_VERSION,
                .maximum_answer = ANSWER_MAX,
        };
        struct hub_control *made = mem_new(1, sizeof(*made));
        int result;

        if (url)
                set_token(made, getenv("ISTHMUS_HUB_CONTROL_TOKEN"));
        made->url = url ? mem_text(url) : url_of_directory(made, directory, reason);
        result = made->url ? http_client_new(&options, &made->http, reason) : -ENOENT;
        if (result) {
                hub_control_close(made);
                return result;
        }
        *control = made;
        return 0;
}

void hub_control_close(struct hub_control *control)
{
        if (!control)
                return;
        if (control->http)
                http_client_free(control->http);
        if (control->authorization)
                mem_wipe(control->authorization, strlen(control->authorization));
        free(control->authorization);
        free(control->url);
        free(control);
}

/* What the hub said in `{"error":{"message":...}}`. */
static void explain(int status, const struct buf *body, struct reason *reason)
{
        struct reason ignored = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *document =
                json_parse(buf_text(body), body->size, 8, JSON_STRICT, &ignored);
        const char *message = json_text_member(json_object_member(document, "error"), "message");

        if (message)
                reason_set(reason, "%s", message);
        else
                reason_set(reason, "the control API answered with status %d", status);
}

int hub_control_call(struct hub_control *control, const struct hub_control_request *request,
                     struct buf *answer, struct reason *reason)
{
        const struct http_header headers[] = {
                {"Authorization", control->authorization},
                {"Content-Type", "application/json"},
        };
        size_t first = control->authorization ? 0 : 1;
        CLEANUP(mem_cleanup) char *url = mem_format("%s%s", control->url, request->path);
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;
        int status = 0;
        int result;

        if (request->body)
                json_write(&body, request->body);
        result = http_wait(control->http,
                           &(const struct http_request){
                                   .method = request->method,
                                   .url = url,
                                   .headers = headers + first,
                                   .header_count = (request->body ? 2 : 1) - first,
                                   .body = request->body ? buf_text(&body) : NULL,
                                   .body_size = body.size,
                                   .timeout_ms = request->timeout_ms,
                           },
                           &status, &said, reason);
        if (result != 0)
                return result;
        if (status / 100 != 2) {
                explain(status, &said, reason);
                return -EIO;
        }
        buf_add(answer, said.data, said.size);
        return 0;
}
