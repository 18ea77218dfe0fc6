// SPDX-License-Identifier: MIT
#include "localhub/events/event_selector.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX 256

static void skip_spaces(const char **at)
{
        *at += strspn(*at, " \t");
}

static bool take_field(const char **at, struct event_selector *selector)
{
        static const struct {
                const char *name;
                enum event_field field;
        } fields[] = {
                {"amqp.annotation.x-opt-offset", EVENT_OFFSET},
                {"amqp.annotation.x-opt-sequence-number", EVENT_NUMBER},
                {"amqp.annotation.x-opt-enqueued-time", EVENT_TIME},
                {"amqp.annotation.x-opt-enqueuedtimeutc", EVENT_TIME},
        };
        size_t size = strcspn(*at, " \t>=");

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                if (strlen(fields[i].name) != size || memcmp(*at, fields[i].name, size) != 0)
                        continue;
                selector->field = fields[i].field;
                *at += size;
                return true;
        }
        return false;
}

static bool take_operator(const char **at, struct event_selector *selector)
{
        if (**at != '>')
                return false;
        (*at)++;
        selector->inclusive = **at == '=';
        *at += selector->inclusive;
        return true;
}

/* The rest, in quotes or not. */
static bool take_value(const char *at, struct event_selector *selector)
{
        size_t size = strlen(at);
        CLEANUP(mem_cleanup) char *value = NULL;

        while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
                size--;
        if (size >= 2 && at[0] == '\'' && at[size - 1] == '\'') {
                at++;
                size -= 2;
        }
        value = mem_text_n(at, size);
        selector->latest = selector->field == EVENT_OFFSET && strcmp(value, "@latest") == 0;
        return selector->latest || text_to_int64(value, INT64_MIN, INT64_MAX, &selector->value);
}

bool event_selector_read(const char *text, size_t size, struct event_selector *selector)
{
        CLEANUP(mem_cleanup) char *copy = NULL;
        const char *at;

        *selector = (struct event_selector){.field = EVENT_OFFSET};
        if (size > TEXT_MAX || memchr(text, '\0', size))
                return false;
        copy = mem_text_n(text, size);
        at = copy;
        skip_spaces(&at);
        if (!take_field(&at, selector))
                return false;
        skip_spaces(&at);
        if (!take_operator(&at, selector))
                return false;
        skip_spaces(&at);
        return take_value(at, selector);
}

bool event_selector_fits(const struct event_selector *selector,
                         const struct telemetry_record *record)
{
        int64_t value = selector->field == EVENT_NUMBER ? record->number
                        : selector->field == EVENT_TIME ? record->enqueued_ms
                                                        : record->offset;

        return value > selector->value || (selector->inclusive && value == selector->value);
}
