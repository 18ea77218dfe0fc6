// SPDX-License-Identifier: MIT
/*
 * Uplink stage 3: a payload formatter makes members of an uplink's bytes.
 *
 * Laws:
 *   - a formatter runs on uplinks that their network has not decoded (rule U12), and never on
 *     encrypted ones (rule U18);
 *   - a device waits for its own result only, and its order stays;
 *   - what can't be formatted is never sent half: it has a reason, for the dead letters;
 *   - neither the program's end, nor workers that can't be had, nor a gateway that runs no
 *     formatters are the formatter's failure: the event waits, and stays in the store.
 *
 * All on the thread "loop". Results come on the thread "formatter" and are posted.
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_FORMAT_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_FORMAT_H

#include "base/loop.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "formatter/formatter.h"
#include "gateway/device/device.h"
#include "gateway/uplink/uplink_queue.h"
#include "networks/network.h"

struct uplink_format;

/* They are many when so many wait, until so few do. */
#define UPLINK_FORMAT_MANY 128
#define UPLINK_FORMAT_FEW  64

struct uplink_format_options {
        const struct settings *settings;
        struct formatter_pool *pool; /* NULL = this gateway runs none */
        struct loop *loop;           /* whose thread it lives on */
        /*
         * So many uplinks wait for their results that no more should come, or not any more. On the
         * thread "loop"; may be NULL.
         */
        void (*crowded)(void *context, bool crowded);
        void *context;
};

struct uplink_format *uplink_format_new(const struct uplink_format_options *options);

/* Posts nothing to the thread "loop" any more. Any thread; before hub_client_free. */
void uplink_format_stop(struct uplink_format *format);

/* After the thread "loop" has ended and the pool is freed. */
void uplink_format_free(struct uplink_format *format);

/*
 * The name of the formatter of this event: of the device, as its network's listing says, else of
 * the settings; NULL = none. Any thread.
 */
const char *uplink_format_choose(const struct settings *settings, const struct device *device,
                                 const struct event *event);

enum uplink_format_state {
        UPLINK_FORMAT_DONE,    /* uplink_format_result has what was made */
        UPLINK_FORMAT_WAITING, /* the device will be woken; the event must stay until then. Without
                                  a pool it is not woken: the event waits for the next start */
        UPLINK_FORMAT_FAILED,  /* it never can be, for this reason */
};

/* Asks for the result of the device's first event, once; later calls tell what became of it. */
enum uplink_format_state uplink_format(struct uplink_format *format, struct device *device,
                                       struct uplink_event *event, struct reason *reason);

/* Is the result still to come? Then nothing may become of the event yet. */
bool uplink_format_is_waiting(const struct uplink_event *event);

/* What was made of it, valid as long as the event; empty where no formatter ran. */
struct formatted uplink_format_result(const struct uplink_event *event);

#endif
