// SPDX-License-Identifier: MIT
#include "camera/cloud/cloud_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE (CLOCK_TEXT_SIZE + PROCESS_BOOT_ID_SIZE + 24)

void cloud_record_write(struct buf *out, int64_t created_ns, const struct cloud_clocks *clocks,
                        const char *body, size_t body_size)
{
        char created[CLOCK_TEXT_SIZE];

        clock_format_utc(created, created_ns, CLOCK_FRACTION);
        buf_add_format(out, "%s %s %" PRId64 "\n", created, clocks->boot, clocks->offset_ms);
        buf_add(out, body, body_size);
}

/* What follows the time; records of versions before this one have nothing there. */
static void correct(const char *boot_and_offset, const struct cloud_clocks *now,
                    struct cloud_record *read)
{
        size_t length = strlen(now->boot);
        int64_t moved_ms;
        int64_t created_ns;

        if (length == 0 || strncmp(boot_and_offset, now->boot, length) != 0 ||
            boot_and_offset[length] != ' ')
                return;
        moved_ms = now->offset_ms - strtoll(boot_and_offset + length, NULL, 10);
        if (llabs(moved_ms) < CLOCK_SET_MS || !clock_parse_utc(read->created, &created_ns))
                return;
        clock_format_utc(read->created, created_ns + moved_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
}

bool cloud_record_read(const char *record, size_t size, const struct cloud_clocks *now,
                       struct cloud_record *read)
{
        const char *end = memchr(record, '\n', size);
        char line[LINE_SIZE];
        size_t length;

        if (!end || end - record >= (ptrdiff_t)sizeof(line))
                return false;
        snprintf(line, sizeof(line), "%.*s", (int)(end - record), record);
        length = strcspn(line, " ");
        if (length == 0 || length >= sizeof(read->created))
                return false;
        memcpy(read->created, line, length);
        read->created[length] = '\0';
        if (line[length] == ' ')
                correct(line + length + 1, now, read);
        read->body = end + 1;
        read->body_size = size - (size_t)(end + 1 - record);
        return true;
}
