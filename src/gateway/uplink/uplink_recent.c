// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json_writer.h"
#include "base/mem.h"
#include "base/text.h"

/* Longer keys are cut: then nobody finds them by the whole one. */
#define KEY_SIZE 256

struct ended {
        int64_t wall_ms;
        int64_t took_ms; /* since it arrived; -1 = before this process started */
        const char *kind;
        const char *outcome;
        uint8_t port;
        char message_id[CRYPTO_UUID_SIZE];
        char device_key[KEY_SIZE];
};

struct uplink_recent {
        struct ended ended[UPLINK_RECENT_MAX];
        size_t count; /* that were ever noted */
};

struct uplink_recent *uplink_recent_new(void)
{
        return mem_new(1, sizeof(struct uplink_recent));
}

void uplink_recent_free(struct uplink_recent *recent)
{
        free(recent);
}

void uplink_recent_note(struct uplink_recent *recent, const struct device *device,
                        const struct uplink_event *event, const char *outcome)
{
        struct ended *ended;
        size_t size = strnlen(device->key, KEY_SIZE - 1);

        if (!recent)
                return;
        ended = &recent->ended[recent->count++ % UPLINK_RECENT_MAX];
        ended->wall_ms = clock_wall_ms();
        ended->took_ms = event->arrived_ns > 0
                                 ? (clock_steady_ns() - event->arrived_ns) / CLOCK_NS_PER_MS
                                 : -1;
        ended->kind = event_kind_name(event->event.kind);
        ended->outcome = outcome;
        ended->port = event->event.port;
        strcpy(ended->message_id, event->event.message_id);
        memcpy(ended->device_key, device->key, size);
        ended->device_key[size] = '\0';
}

static void write_one(const struct ended *ended, struct buf *out)
{
        struct json_writer writer;
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, ended->wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_writer_open(&writer, out);
        json_writer_text(&writer, "time", time);
        json_writer_text(&writer, "device", ended->device_key);
        json_writer_text(&writer, "kind", ended->kind);
        json_writer_int(&writer, "port", ended->port);
        json_writer_text(&writer, "outcome", ended->outcome);
        if (ended->took_ms >= 0)
                json_writer_int(&writer, "tookMs", ended->took_ms);
        json_writer_text(&writer, "messageId", ended->message_id);
        json_writer_close(&writer);
}

void uplink_recent_write(const struct uplink_recent *recent, const char *device_key, size_t limit,
                         struct buf *out)
{
        size_t kept = recent->count < UPLINK_RECENT_MAX ? recent->count : UPLINK_RECENT_MAX;
        size_t written = 0;

        buf_add_text(out, "{\"events\":[");
        for (size_t i = 1; i <= kept && written < limit; i++) {
                const struct ended *ended = &recent->ended[(recent->count - i) % UPLINK_RECENT_MAX];

                if (device_key && !text_equal(device_key, ended->device_key))
                        continue;
                buf_add_text(out, written++ > 0 ? ",\n" : "\n");
                write_one(ended, out);
        }
        buf_add_text(out, "]}\n");
}
