// SPDX-License-Identifier: MIT
/* Two drivers of proton's without a socket between them. */
#ifndef ISTHMUS_TESTS_SUPPORT_PROTON_MOVE_H
#define ISTHMUS_TESTS_SUPPORT_PROTON_MOVE_H

#include <proton/connection_driver.h>
#include <stdbool.h>
#include <string.h>

/* Moves what one has written, or that it has closed, to the other; false if there was nothing. */
static inline bool proton_move(pn_connection_driver_t *from, pn_connection_driver_t *to)
{
        pn_bytes_t out = pn_connection_driver_write_buffer(from);
        pn_rwbytes_t in = pn_connection_driver_read_buffer(to);
        size_t size = out.size < in.size ? out.size : in.size;

        if (size > 0) {
                memcpy(in.start, out.start, size);
                pn_connection_driver_read_done(to, size);
                pn_connection_driver_write_done(from, size);
                return true;
        }
        if (pn_connection_driver_write_closed(from) && !pn_connection_driver_read_closed(to)) {
                pn_connection_driver_read_close(to);
                return true;
        }
        if (pn_connection_driver_read_closed(to) && !pn_connection_driver_write_closed(from)) {
                pn_connection_driver_write_close(from);
                return true;
        }
        return false;
}

#endif
