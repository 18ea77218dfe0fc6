// SPDX-License-Identifier: MIT
/* Rule A3: what a request is called, and of whom nothing is told. */
#include "monitor/monitor_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"

/* Instead of the monitor's. */
static struct buf told;

void monitor_dependency(struct monitor *monitor, const struct monitor_dependency *dependency)
{
        (void)monitor;
        buf_add_format(&told, "%s|%s|%s|%s|%s;", dependency->type, dependency->target,
                       dependency->name, dependency->result, dependency->success ? "good" : "bad");
}

static void end_one(const char *type, const char *method, const char *url,
                    const struct http_answer *answer)
{
        static int monitor;
        struct http_watch watch = monitor_call_watch((struct monitor *)(void *)&monitor, type);

        watch.ended(watch.context, &(struct http_ended){.service = watch.service,
                                                        .method = method,
                                                        .url = url,
                                                        .started_ns = clock_steady_ns(),
                                                        .answer = answer});
}

static void a3_storage_and_vaults_are_named_by_templates(void **state)
{
        static const struct {
                const char *type;
                const char *method;
                const char *url;
                const char *told;
        } rows[] = {
                {MONITOR_TYPE_QUEUE, "GET",
                 "https://a1.queue.core.windows.net/uplink/messages?sig=S",
                 "Azure queue|a1.queue.core.windows.net|GET /uplink/messages|200|good;"},
                {MONITOR_TYPE_QUEUE, "DELETE",
                 "http://127.0.0.1:1/devstoreaccount1/uplink/messages/0a-1?popreceipt=R",
                 "Azure queue|127.0.0.1:1|DELETE /{id}/uplink/messages/{id}|200|good;"},
                {MONITOR_TYPE_BLOB, "GET", "https://a.blob.core.windows.net/scripts1/tracker.js",
                 "Azure blob|a.blob.core.windows.net|GET /{id}/{id}|200|good;"},
                {MONITOR_TYPE_BLOB, "GET", "https://a.blob.core.windows.net/uplink?comp=list",
                 "Azure blob|a.blob.core.windows.net|GET /uplink|200|good;"},
                {MONITOR_TYPE_HTTP, "GET",
                 "https://v.vault.azure.net/secrets/webhook-key?api-version=7.4",
                 "Http|v.vault.azure.net|GET /secrets/{id}|200|good;"},
        };
        const struct http_answer answer = {.status = 200};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                buf_clear(&told);
                end_one(rows[i].type, rows[i].method, rows[i].url, &answer);
                assert_string_equal(buf_text(&told), rows[i].told);
        }
        buf_deinit(&told);
}

static void a3_a_failure_has_its_result(void **state)
{
        const struct http_answer refused = {.status = 403};
        const struct http_answer away = {.failure = HTTP_E_CONNECT};

        (void)state;
        end_one(MONITOR_TYPE_HTTP, "GET", "https://v.vault.azure.net/secrets/k", &refused);
        end_one(MONITOR_TYPE_BLOB, "GET", "https://a.blob.core.windows.net/c", &away);
        assert_string_equal(buf_text(&told),
                            "Http|v.vault.azure.net|GET /secrets/{id}|403|bad;"
                            "Azure blob|a.blob.core.windows.net|GET /c|no connection|bad;");
        buf_deinit(&told);
}

static void a11_without_a_monitor_nobody_is_told(void **state)
{
        (void)state;
        assert_null(monitor_call_watch(NULL, MONITOR_TYPE_QUEUE).ended);
        assert_null(monitor_call_begin(NULL, "GET", "http://127.0.0.1/"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a3_storage_and_vaults_are_named_by_templates),
                cmocka_unit_test(a3_a_failure_has_its_result),
                cmocka_unit_test(a11_without_a_monitor_nobody_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
