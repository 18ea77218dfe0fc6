// SPDX-License-Identifier: MIT
#include "camera/source/source.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/source/source_inside.h"

#define REST_MIN_MS 1000
#define REST_MAX_MS 60000

static const struct source_driver *const drivers[] = {
        [SOURCE_FILE] = &source_file_driver, [SOURCE_FOLDER] = &source_folder_driver,
        [SOURCE_HTTP] = &source_http_driver, [SOURCE_COMMAND] = &source_command_driver,
        [SOURCE_PI] = &source_pi_driver,     [SOURCE_RTSP] = &source_rtsp_driver,
        [SOURCE_V4L2] = &source_v4l2_driver,
};

void source_picture_deinit(struct source_picture *picture)
{
        buf_deinit(&picture->bytes);
}

/* --- life ---------------------------------------------------------------------------------- */

static void copy_settings(struct source_settings *to, const struct source_settings *from)
{
        *to = *from;
        to->place = mem_text(from->place);
        to->user = mem_text(from->user);
        to->plugin = mem_text(from->plugin);
        if (from->timeout_ms <= 0)
                to->timeout_ms = SOURCE_TIMEOUT_MS;
        if (from->maximum_bytes == 0)
                to->maximum_bytes = SOURCE_MAXIMUM_BYTES;
        if (from->maximum_age_ms == 0)
                to->maximum_age_ms = SOURCE_MAXIMUM_AGE_MS;
}

static void free_settings(struct source_settings *settings)
{
        mem_cleanup(&settings->place);
        mem_cleanup(&settings->user);
        mem_cleanup(&settings->plugin);
}

static void set_password(struct source *source, const char *password)
{
        if (source->password)
                mem_wipe(source->password, strlen(source->password));
        free(source->password);
        source->settings.password = source->password = mem_text(password);
}

int source_new(const struct source_settings *settings, struct source **source,
               struct reason *reason)
{
        struct source *made = mem_new(1, sizeof(*made));
        int result;

        *source = NULL;
        copy_settings(&made->settings, settings);
        set_password(made, settings->password);
        made->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (made->stop_fd < 0)
                abort();
        pthread_mutex_init(&made->lock, NULL);
        result = drivers[settings->kind]->open(made, reason);
        if (result == 0)
                made->driver = drivers[settings->kind];
        else
                source_free(made);
        if (result == 0)
                *source = made;
        return result;
}

void source_free(struct source *source)
{
        if (!source)
                return;
        if (source->driver)
                source->driver->close(source);
        close(source->stop_fd);
        pthread_mutex_destroy(&source->lock);
        free_settings(&source->settings);
        set_password(source, NULL);
        free(source);
}

void source_stop(struct source *source)
{
        /* Its count can't overflow in any run, and a failure would have nobody to be told to. */
        (void)eventfd_write(source->stop_fd, 1);
}

bool source_is_stopped(const struct source *source)
{
        struct pollfd polled = {.fd = source->stop_fd, .events = POLLIN};

        return poll(&polled, 1, 0) > 0;
}

enum source_wait source_wait(const struct source *source, int fd, int64_t deadline_ms)
{
        struct pollfd polled[] = {
                {.fd = source->stop_fd, .events = POLLIN},
                {.fd = fd, .events = POLLIN},
        };

        for (;;) {
                int64_t left_ms = deadline_ms - clock_steady_ms();
                int ready = poll(polled, ARRAY_SIZE(polled), left_ms > 0 ? (int)left_ms : 0);

                if (ready > 0 && polled[0].revents != 0)
                        return SOURCE_WAIT_STOPPED;
                if (ready > 0)
                        return SOURCE_WAIT_READY;
                if (left_ms <= 0)
                        return SOURCE_WAIT_LATE;
        }
}

/* --- pictures ------------------------------------------------------------------------------ */

static bool begins_as_jpeg(const struct buf *bytes)
{
        return bytes->size > 3 && memcmp(bytes->data, "\xff\xd8\xff", 3) == 0;
}

/* When the clock has been set meanwhile, what was seen before was seen by the wrong one. */
static void move_seen(struct source *source, const struct clock_moment *now)
{
        int64_t moved_ms = now->wall_ms - now->steady_ms -
                           (source->seen_moment.wall_ms - source->seen_moment.steady_ms);

        if (llabs(moved_ms) < CLOCK_SET_MS)
                return;
        source->seen_moment.wall_ms += moved_ms;
        source->seen_taken_ms += moved_ms;
}

/* A picture that comes again does not become younger, whatever it says. */
static void remember(struct source *source, struct source_picture *picture)
{
        const struct clock_moment now = clock_moment_now();
        unsigned char digest[CRYPTO_SHA256_SIZE];

        picture->clock_offset_ms = now.wall_ms - now.steady_ms;
        if (picture->taken_ms == 0 || picture->taken_ms > now.wall_ms)
                picture->taken_ms = now.wall_ms;
        crypto_sha256(picture->bytes.data, picture->bytes.size, digest);
        if (!source->has_seen || memcmp(digest, source->seen, sizeof(digest)) != 0) {
                memcpy(source->seen, digest, sizeof(digest));
                source->has_seen = true;
                source->seen_moment = now;
                source->seen_taken_ms = picture->taken_ms;
        } else {
                move_seen(source, &now);
                picture->taken_ms = source->seen_taken_ms;
        }
}

static int check_age(const struct source *source, const struct source_picture *picture,
                     struct reason *reason)
{
        const struct clock_moment now = clock_moment_now();
        int64_t same_ms = clock_elapsed_ms(&source->seen_moment, &now);
        int64_t age_ms = now.wall_ms - picture->taken_ms;

        if (source->settings.maximum_age_ms < 0)
                return 0;
        if (same_ms > source->settings.maximum_age_ms) {
                reason_set(reason, "the same picture has come for %lld s: the camera seems frozen",
                           (long long)(same_ms / 1000));
                return SOURCE_E_OLD;
        }
        if (age_ms > source->settings.maximum_age_ms) {
                reason_set(reason, "the picture is %lld s old", (long long)(age_ms / 1000));
                return SOURCE_E_OLD;
        }
        return 0;
}

static int check(struct source *source, struct source_picture *picture, struct reason *reason)
{
        if (!begins_as_jpeg(&picture->bytes)) {
                reason_set(reason, "what came is no JPEG picture (%zu bytes)", picture->bytes.size);
                return SOURCE_E_FAILED;
        }
        remember(source, picture);
        return check_age(source, picture, reason);
}

/* --- asking -------------------------------------------------------------------------------- */

static void note(struct source *source, int result, const struct reason *reason)
{
        struct source_status *status = &source->status;

        pthread_mutex_lock(&source->lock);
        if (result == SOURCE_E_FAILED) {
                status->failures++;
                source->retry_ms = clock_steady_ms() +
                                   backoff_ms((int)(status->failures < 30 ? status->failures : 30),
                                              REST_MIN_MS, REST_MAX_MS);
        } else {
                status->failures = 0;
                source->retry_ms = 0;
        }
        status->reason = result == 0 ? REASON_INIT : *reason;
        pthread_mutex_unlock(&source->lock);
}

static bool is_resting(struct source *source, struct reason *reason)
{
        struct source_status status;

        source_status(source, &status);
        if (status.rest_ms <= 0)
                return false;
        reason_set(reason, "%u attempts failed; the next is made in %lld ms: %s", status.failures,
                   (long long)status.rest_ms, status.reason.text);
        return true;
}

void source_set_password(struct source *source, const char *password)
{
        if (text_equal(source->password, password))
                return;
        set_password(source, password);
        pthread_mutex_lock(&source->lock);
        source->retry_ms = 0;
        pthread_mutex_unlock(&source->lock);
}

/* Asks the driver, unless it can't have what it needs. */
static int ask(struct source *source, struct source_picture *picture, struct reason *reason)
{
        int64_t deadline_ms = clock_steady_ms() + source->settings.timeout_ms;
        int result;

        if (source->password && source->password[0] == '\0') {
                reason_set(reason, "the password is not known yet: its Key Vault has not given it");
                return SOURCE_E_FAILED;
        }
        result = source->driver->take(source, deadline_ms, picture, reason);
        return result == 0 ? check(source, picture, reason) : result;
}

int source_take(struct source *source, struct source_picture *picture, struct reason *reason)
{
        struct reason why = REASON_INIT;
        int result;

        buf_clear(&picture->bytes);
        picture->taken_ms = 0;
        if (source_is_stopped(source)) {
                reason_set(reason, "the program is stopping");
                return SOURCE_E_STOPPED;
        }
        if (is_resting(source, reason))
                return SOURCE_E_RESTING;
        result = ask(source, picture, &why);
        if (result != 0)
                buf_clear(&picture->bytes);
        if (result != SOURCE_E_STOPPED)
                note(source, result, &why);
        if (result == SOURCE_E_STOPPED)
                reason_set(&why, "the program is stopping");
        if (result != 0 && reason)
                *reason = why;
        return result;
}

void source_status(struct source *source, struct source_status *status)
{
        pthread_mutex_lock(&source->lock);
        *status = source->status;
        status->rest_ms = source->retry_ms - clock_steady_ms();
        if (status->rest_ms < 0 || source->retry_ms == 0)
                status->rest_ms = 0;
        pthread_mutex_unlock(&source->lock);
}
