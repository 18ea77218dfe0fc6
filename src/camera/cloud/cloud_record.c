// SPDX-License-Identifier: MIT
#include "camera/cloud/cloud_record.h"

#include <string.h>

void cloud_record_write(struct buf *out, int64_t created_ns, const char *body, size_t body_size)
{
        char created[CLOCK_TEXT_SIZE];

        clock_format_utc(created, created_ns, CLOCK_FRACTION);
        buf_add_format(out, "%s\n", created);
        buf_add(out, body, body_size);
}

bool cloud_record_read(const char *record, size_t size, struct cloud_record *read)
{
        const char *line = memchr(record, '\n', size);
        size_t length = line ? (size_t)(line - record) : 0;

        if (length == 0 || length >= sizeof(read->created))
                return false;
        memcpy(read->created, record, length);
        read->created[length] = '\0';
        read->body = line + 1;
        read->body_size = size - length - 1;
        return true;
}
