// SPDX-License-Identifier: MIT
#include "gateway/intake/webhook_door.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

/* Between two warnings that places are used up. */
#define CROWDED_SILENCE_MS 60000

/* No certificate chain is longer. */
#define TLS_FILE_LIMIT ((size_t)1 << 20)

/* --- what the server tells ---------------------------------------------------------------- */

static void count(const struct http_note *note)
{
        switch (note->event) {
        case HTTP_OPENED:
                metrics_gauge_add(METRIC_WEBHOOK_CONNECTIONS, 1);
                break;
        case HTTP_CLOSED:
                metrics_gauge_add(METRIC_WEBHOOK_CONNECTIONS, -1);
                break;
        case HTTP_REFUSED:
                if (note->status == 413)
                        metrics_add(METRIC_WEBHOOK_TOO_LARGE, 1);
                break;
        case HTTP_TOO_SLOW:
                metrics_add(METRIC_WEBHOOK_CUT_SLOW, 1);
                break;
        case HTTP_CROWDED_OUT:
                metrics_add(METRIC_WEBHOOK_CUT_CROWDED, 1);
                break;
        case HTTP_ADDRESS_FULL:
                metrics_add(METRIC_WEBHOOK_CUT_ADDRESS, 1);
                break;
        case HTTP_UNLOGGED:
        case HTTP_EVENT_COUNT:
                break;
        }
}

static void warn_crowded(struct webhook_door *door)
{
        int64_t now_ms = clock_steady_ms();

        if (now_ms < door->quiet_until_ms)
                return;
        door->quiet_until_ms = now_ms + CROWDED_SILENCE_MS;
        log_warn("WEBHOOK_PLACES_USED_UP",
                 "All places for connections are used up; those without a key make room",
                 LOG_INT("connections", door->connections), LOG_END);
}

void webhook_door_note(struct webhook_door *door, const struct http_note *note)
{
        count(note);
        if (note->event == HTTP_CROWDED_OUT)
                warn_crowded(door);
        if (!note->log)
                return;
        if (note->event == HTTP_REFUSED)
                log_info("WEBHOOK_REFUSED", "A request was refused",
                         LOG_INT("status", note->status), LOG_TEXT("peer", note->peer),
                         LOG_TEXT("path", note->path), LOG_TEXT("reason", note->detail), LOG_END);
        else if (note->event == HTTP_TOO_SLOW)
                log_info("WEBHOOK_TOO_SLOW", "A request took too long and was cut off",
                         LOG_TEXT("peer", note->peer), LOG_END);
        else if (note->event == HTTP_ADDRESS_FULL)
                log_info("WEBHOOK_ADDRESS_FULL",
                         "A connection was cut off: its address has too many without a key",
                         LOG_TEXT("peer", note->peer),
                         LOG_TEXT("setting", "Limits.ConnectionsPerAddress"), LOG_END);
        else if (note->event == HTTP_UNLOGGED)
                log_info("WEBHOOK_UNLOGGED", "More of them came in a second than are logged",
                         LOG_INT("status", note->status), LOG_INT("count", note->unlogged),
                         LOG_END);
}

/* --- TLS ---------------------------------------------------------------------------------- */

static int read_file(const char *file, char **text, struct reason *reason)
{
        struct buf content = BUF_INIT;
        int result = file_read(file, TLS_FILE_LIMIT, &content, reason);

        if (result == 0)
                *text = buf_take(&content);
        buf_wipe(&content);
        return result;
}

int webhook_tls_read(const char *certificate_file, const char *key_file, struct webhook_tls *tls,
                     struct reason *reason)
{
        int result = 0;

        if (!certificate_file)
                return 0;
        result = read_file(certificate_file, &tls->certificate, reason);
        if (result == 0)
                result = read_file(key_file, &tls->key, reason);
        if (result != 0)
                reason_prefix(reason, "Tls");
        return result;
}

void webhook_tls_deinit(struct webhook_tls *tls)
{
        free(tls->certificate);
        mem_wipe(tls->key, tls->key ? strlen(tls->key) : 0);
        free(tls->key);
        *tls = (struct webhook_tls){.certificate = NULL};
}
