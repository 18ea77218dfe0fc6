// SPDX-License-Identifier: MIT
/* The direct methods under way. */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_CALLS_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_CALLS_H

#include "base/buf.h"
#include "base/crypto.h"
#include "localhub/sessions/device_owner.h"

enum local_hub_method_result {
        LOCAL_HUB_METHOD_ANSWERED,
        LOCAL_HUB_METHOD_NO_DEVICE, /* 404001 */
        LOCAL_HUB_METHOD_OFFLINE,   /* 404103: no method links (within the connect timeout) */
        LOCAL_HUB_METHOD_TIMEOUT,   /* 504101: no answer in time */
        LOCAL_HUB_METHOD_LOST,      /* 404104: the connection ended before the answer */
};

struct local_hub_method {
        const char *name;
        const void *payload;         /* JSON text; size 0 = `null` */
        size_t payload_size;         /* at most 128 KB */
        int64_t response_timeout_ms; /* 0 = 30 s */
        int64_t connect_timeout_ms;  /* wait for the device to come; 0 = not at all */
};

/* Exactly once, on the thread "hub-devices": must not block. `status` and `payload` (JSON text) are
 * the device's, if it answered. */
typedef void local_hub_method_done(void *context, enum local_hub_method_result result, int status,
                                   const void *payload, size_t payload_size);

/* A direct method under way; texts and payload are its own. */
struct device_call {
        struct list_node node;
        struct device_sessions *all;
        struct timer timer;
        int hub;
        char *device_id;
        char *name;
        struct buf payload; /* JSON */
        int64_t response_ms;
        char uuid[CRYPTO_UUID_SIZE];
        struct device_session *sent_to; /* NULL = not sent yet */
        local_hub_method_done *done;
        void *context;
};

/* Takes a call over; `method` is copied. */
void device_sessions_invoke(struct device_sessions *all, int hub, const char *device_id,
                            const struct local_hub_method *method, local_hub_method_done *done,
                            void *context);

/* Can it take methods now? If not, those that it has got are lost. */
void device_session_take_methods(struct device_session *session, bool takes);

/* A call that waits for this session, which counts as sent now; NULL = none. */
struct device_call *device_session_next_call(struct device_session *session);

/* The answer to the call with this id (a UUID in any case); nothing happens if there is none. */
void device_session_answer(struct device_session *session, const char *uuid, int status,
                           const void *payload, size_t size);

/* Ends the calls that were sent to this session, or all (NULL), as lost. */
void device_calls_end(struct device_sessions *all, const struct device_session *session);

#endif
