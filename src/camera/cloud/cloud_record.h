// SPDX-License-Identifier: MIT
/* How a message lies in the store: its time as it will be sent, a line feed, its body. */
#ifndef ISTHMUS_CAMERA_CLOUD_CLOUD_RECORD_H
#define ISTHMUS_CAMERA_CLOUD_CLOUD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

struct cloud_record {
        char created[CLOCK_TEXT_SIZE];
        const char *body; /* within the record */
        size_t body_size;
};

void cloud_record_write(struct buf *out, int64_t created_ns, const char *body, size_t body_size);

/* False if it is none. */
bool cloud_record_read(const char *record, size_t size, struct cloud_record *read);

#endif
