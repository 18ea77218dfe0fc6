// SPDX-License-Identifier: MIT
#include "cli/gateway/queue_print.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "gateway/control/control_answers.h"

static void format_ms(char text[CLOCK_TEXT_SIZE], int64_t wall_ms)
{
        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
}

void queue_print_line(struct buf *out, const struct store_dead_letter *letter)
{
        const struct store_event *event = &letter->event;
        char time[CLOCK_TEXT_SIZE];

        if (letter->reason)
                format_ms(time, letter->died_ms);
        else
                format_ms(time, event->arrived_ns / CLOCK_NS_PER_MS);
        buf_add_format(out, "%10" PRId64 "  %s  %7zu  ", event->id, time, event->record_size);
        terminal_add(out, event->device);
        if (letter->reason) {
                buf_add_text(out, "  ");
                terminal_add(out, letter->reason);
        }
        buf_add_char(out, '\n');
}

static void add_member(struct buf *out, const char *name, const char *value)
{
        buf_add_format(out, "%-11s", name);
        terminal_add(out, value);
        buf_add_char(out, '\n');
}

void queue_print_whole(struct buf *out, const struct store_dead_letter *letter)
{
        const struct store_event *event = &letter->event;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        char time[CLOCK_TEXT_SIZE];

        downlink_heard_hide(event->record, event->record_size, &shown);
        buf_add_format(out, "%-11s%" PRId64 "\n", "id", event->id);
        add_member(out, "state", letter->reason ? "dead" : "waiting");
        add_member(out, "device", event->device);
        add_member(out, "message id", event->message_id);
        format_ms(time, event->arrived_ns / CLOCK_NS_PER_MS);
        add_member(out, "arrived", time);
        if (letter->reason) {
                format_ms(time, letter->died_ms);
                add_member(out, "died", time);
                add_member(out, "reason", letter->reason);
        }
        buf_add_format(out, "%-11s", "record");
        text_add_printable(out, shown.data, shown.size);
        buf_add_char(out, '\n');
}

void queue_print_json(struct buf *out, const struct store_dead_letter *letter)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;

        control_queue_write(&line, letter, true);
        buf_add_char(&line, '\n');
        text_add_printable_json(out, buf_text(&line), line.size);
}
