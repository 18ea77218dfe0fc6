// SPDX-License-Identifier: MIT
/*
 * How a message lies in the store: a line with its time as it will be sent, the boot and the clocks
 * of the moment that it was stored; then its body.
 *
 * A machine without a battery clock counts before it knows the time. Its messages wait, for nobody
 * accepts its tokens; and when the clock is set before the next boot, the steady clock tells how
 * long ago they really were.
 */
#ifndef ISTHMUS_CAMERA_CLOUD_CLOUD_RECORD_H
#define ISTHMUS_CAMERA_CLOUD_CLOUD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/process.h"

/* How the clocks stand. */
struct cloud_clocks {
        const char *boot;  /* process_boot_id */
        int64_t offset_ms; /* wall clock less steady clock */
};

struct cloud_record {
        char created[CLOCK_TEXT_SIZE];
        const char *body; /* within the record */
        size_t body_size;
};

void cloud_record_write(struct buf *out, int64_t created_ns, const struct cloud_clocks *clocks,
                        const char *body, size_t body_size);

/*
 * False if it is none. If the clock was set in the boot in which it was written, `created` is moved
 * by that: the clock of `now` is the right one.
 */
bool cloud_record_read(const char *record, size_t size, const struct cloud_clocks *now,
                       struct cloud_record *read);

#endif
