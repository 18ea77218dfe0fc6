// SPDX-License-Identifier: MIT
/* What a kind of source has to do, and what the kinds share. */
#ifndef ISTHMUS_CAMERA_SOURCE_SOURCE_INSIDE_H
#define ISTHMUS_CAMERA_SOURCE_SOURCE_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "camera/source/source.h"

/* One row of the table in source.c. */
struct source_driver {
        /* Completes a source of this kind; -EINVAL with the reason. */
        int (*open)(struct source *source, struct reason *reason);
        /*
         * Gets a picture until `deadline_ms` of the steady clock: its bytes, and its time if that
         * is known (0 = now). 0, SOURCE_E_FAILED, SOURCE_E_OLD or SOURCE_E_STOPPED.
         */
        int (*take)(struct source *source, int64_t deadline_ms, struct source_picture *picture,
                    struct reason *reason);
        void (*close)(struct source *source);
};

struct source {
        const struct source_driver *driver;
        struct source_settings settings; /* our own copies, with no zeros left */
        char *password;                  /* that of the settings, to be wiped */
        void *own;                       /* the driver's */
        int stop_fd;                     /* an eventfd: readable once it is to stop */

        /* Of the thread that takes. */
        bool has_seen;
        unsigned char seen[CRYPTO_SHA256_SIZE]; /* of the last picture */
        struct clock_moment seen_moment;        /* when it came first */
        int64_t seen_taken_ms;

        pthread_mutex_t lock; /* for the next two */
        struct source_status status;
        int64_t retry_ms; /* steady; no attempt is made before */
};

extern const struct source_driver source_file_driver;
extern const struct source_driver source_folder_driver;
extern const struct source_driver source_http_driver;
extern const struct source_driver source_command_driver;
extern const struct source_driver source_pi_driver;
extern const struct source_driver source_rtsp_driver;
extern const struct source_driver source_v4l2_driver;

bool source_is_stopped(const struct source *source);

enum source_wait {
        SOURCE_WAIT_READY,
        SOURCE_WAIT_LATE,
        SOURCE_WAIT_STOPPED,
};

/* Waits until `fd` can be read, the steady clock says `deadline_ms`, or source_stop is called. */
enum source_wait source_wait(const struct source *source, int fd, int64_t deadline_ms);

#endif
