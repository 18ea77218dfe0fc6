// SPDX-License-Identifier: MIT
#include "monitor/monitor_log.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define MINUTE_NS (60 * CLOCK_NS_PER_S)

/* What stands for a device's id. */
#define HIDDEN "(device)"

/* Fields whose values are ids of devices. */
static const char *const device_fields[] = {"device", "hub_device", "identity", "owner", "lane"};

void monitor_log_init(struct monitor_log *log)
{
        memset(log, 0, sizeof(*log));
        pthread_mutex_init(&log->lock, NULL);
}

void monitor_log_deinit(struct monitor_log *log)
{
        pthread_mutex_destroy(&log->lock);
}

/* With the lock. */
static size_t place_of(struct monitor_log *log, const char *id)
{
        size_t i = 0;

        while (i < log->count && strcmp(log->ids[i].id, id) != 0)
                i++;
        if (i < log->count)
                return i;
        if (log->count == MONITOR_LOG_IDS_MAX)
                return MONITOR_LOG_IDS_MAX - 1;
        log->ids[log->count].id = id;
        return log->count++;
}

bool monitor_log_admit(struct monitor_log *log, const char *id, int64_t now_ns)
{
        size_t place;
        bool admits;

        pthread_mutex_lock(&log->lock);
        place = place_of(log, id);
        if (now_ns >= log->ids[place].minute_ends_ns) {
                log->ids[place].minute_ends_ns = now_ns + MINUTE_NS;
                log->ids[place].told = 0;
        }
        admits = log->ids[place].told < MONITOR_LOG_PER_MINUTE;
        if (admits)
                log->ids[place].told++;
        else
                log->ids[place].untold++;
        pthread_mutex_unlock(&log->lock);
        return admits;
}

struct monitor_item *monitor_log_suppressed(struct monitor_log *log, int64_t now_ns, bool all)
{
        CLEANUP(mem_cleanup) char *count = NULL;
        const char *id = NULL;
        struct monitor_item *item;

        pthread_mutex_lock(&log->lock);
        for (size_t i = 0; i < log->count && !id; i++) {
                if (log->ids[i].untold == 0 || (!all && now_ns < log->ids[i].minute_ends_ns))
                        continue;
                id = log->ids[i].id;
                count = mem_format("%lld", (long long)log->ids[i].untold);
                log->ids[i].untold = 0;
        }
        pthread_mutex_unlock(&log->lock);
        if (!id)
                return NULL;
        item = monitor_item_new(MONITOR_MESSAGE);
        item->time_ns = clock_wall_ns();
        item->level = LOG_LEVEL_WARN;
        item->success = false;
        item->name = mem_text(id);
        item->message = mem_format("%s more of these lines in a minute", count);
        monitor_item_add(item, "Id", id);
        monitor_item_add(item, "Suppressed", count);
        monitor_item_seal(item);
        return item;
}

/* --- a line ------------------------------------------------------------------------------- */

/* message_id becomes MessageId. */
static void add_property(struct monitor_item *item, const char *name, const char *value)
{
        char pascal[sizeof(item->properties[0].name)];
        bool big = true;
        size_t length = 0;

        for (; *name && length < sizeof(pascal) - 1; name++) {
                if (*name == '_') {
                        big = true;
                        continue;
                }
                pascal[length++] = (char)(big ? toupper((unsigned char)*name) : *name);
                big = false;
        }
        pascal[length] = '\0';
        monitor_item_add(item, pascal, value);
}

static bool is_device_field(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(device_fields); i++) {
                if (text_equal(name, device_fields[i]))
                        return true;
        }
        return false;
}

/* Puts HIDDEN in the place of each `id` in a text, which it frees. */
static char *replace(char *text, const char *id)
{
        struct buf out = BUF_INIT;
        const char *at = text;
        const char *found;

        if (id[0] == '\0' || !strstr(text, id))
                return text;
        for (; (found = strstr(at, id)); at = found + strlen(id)) {
                buf_add(&out, at, (size_t)(found - at));
                buf_add_text(&out, HIDDEN);
        }
        buf_add_text(&out, at);
        mem_cleanup(&text);
        return buf_take(&out);
}

/* A copy without any of the ids that the fields name. */
static char *without_ids(const char *text, const struct log_field *fields)
{
        char *copy = mem_text(text);

        for (; fields->name; fields++) {
                const char *last;

                if (fields->is_number || !fields->text || !is_device_field(fields->name))
                        continue;
                last = strrchr(fields->text, '/');
                copy = replace(copy, fields->text);
                copy = replace(copy, last ? last + 1 : "");
        }
        return copy;
}

static void add_fields(struct monitor_item *item, const struct log_field *fields, bool device_ids)
{
        for (const struct log_field *field = fields; field->name; field++) {
                CLEANUP(mem_cleanup) char *value = NULL;

                if (!device_ids && is_device_field(field->name))
                        continue;
                if (field->is_number)
                        value = mem_format("%lld", (long long)field->number);
                else if (field->text)
                        value = device_ids ? mem_text(field->text)
                                           : without_ids(field->text, fields);
                add_property(item, field->name, value);
                if (text_equal(field->name, "message_id") && value)
                        monitor_operation_of(value, item->operation);
        }
}

static const char *reason_of(const struct log_field *fields)
{
        for (; fields->name; fields++) {
                if (text_equal(fields->name, "reason") && !text_is_empty(fields->text))
                        return fields->text;
        }
        return NULL;
}

struct monitor_item *monitor_log_item(enum log_level level, const char *id, const char *sentence,
                                      const struct log_field *fields, bool device_ids)
{
        bool is_failure = level == LOG_LEVEL_ERROR || text_equal(id, "EVENT_DEAD");
        struct monitor_item *item =
                monitor_item_new(is_failure ? MONITOR_FAILURE : MONITOR_MESSAGE);
        const char *reason = reason_of(fields);
        const char *message = is_failure && reason ? reason : sentence;

        item->time_ns = clock_wall_ns();
        item->level = is_failure ? LOG_LEVEL_ERROR : level;
        item->success = false;
        item->name = mem_text(id);
        item->message = device_ids ? mem_text(message) : without_ids(message, fields);
        if (!is_failure)
                monitor_item_add(item, "Id", id);
        add_fields(item, fields, device_ids);
        monitor_item_seal(item);
        return item;
}
