// SPDX-License-Identifier: MIT
/* What becomes of a message that was got from a storage queue. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "gateway/intake/queue_inside.h"

/* What can't be put into the poison queue is out of the way for so long. */
#define INVISIBLE_POISON_S (24 * 60 * 60)

/* How often the held ones are looked at, as a part of the time that they are invisible. */
#define LOOKS         8
#define LOOK_LEAST_MS 100

static int64_t invisible_ms(const struct drain *drain)
{
        return drain->settings->visibility_timeout_s * 1000;
}

struct taken *queue_taken_new(struct drain *drain, struct storage_message *stored)
{
        struct taken *taken = mem_new(1, sizeof(*taken));

        taken->drain = drain;
        taken->stored = *stored;
        *stored = (struct storage_message){.id = NULL};
        taken->message = QUEUE_MESSAGE_INIT;
        taken->in_batch = true;
        taken->extend_ms = clock_steady_ms() + invisible_ms(drain) / 2;
        list_push_back(&drain->taken, &taken->node);
        return taken;
}

void queue_taken_free(struct taken *taken)
{
        list_remove(&taken->drain->taken, &taken->node);
        queue_message_deinit(&taken->message);
        buf_deinit(&taken->rest);
        storage_message_deinit(&taken->stored);
        free(taken);
}

/* --- its end ---------------------------------------------------------------------------------- */

/* There is nothing more to do about it in the queue. */
static void finish(struct taken *taken)
{
        queue_leave_batch(taken);
        taken->is_over = true;
        if (!taken->owes || taken->is_free)
                queue_taken_free(taken);
}

static void send(struct taken *taken, struct storage_queue_request *request, http_done *done)
{
        storage_access_send(&taken->drain->access, &request->request, done, taken);
        storage_queue_request_deinit(request);
}

/* Rule S5: one that could not be deleted comes again, and its events are known by their ids. */
static void on_deleted(void *context, const struct http_answer *answer)
{
        struct taken *taken = context;

        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (!storage_answer_is_good(answer))
                log_debug("QUEUE_NOT_DELETED", "A message of a storage queue could not be deleted",
                          LOG_TEXT("queue", taken->drain->settings->name),
                          LOG_TEXT("message", taken->stored.id), LOG_INT("status", answer->status),
                          LOG_END);
        finish(taken);
}

static void remove_message(struct taken *taken)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        storage_queue_delete(taken->drain->settings->name, taken->stored.id, taken->stored.receipt,
                             &request);
        send(taken, &request, on_deleted);
}

/* --- what can't be understood (rule S6) ----------------------------------------------------- */

/* It stays where it is, out of the way of the others. */
static void keep_away(struct taken *taken, const struct http_answer *answer)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;
        char code[STORAGE_CODE_SIZE];

        storage_answer_code(answer, code);
        log_warn("QUEUE_POISON_STAYS",
                 "A message that can't be taken could not be put into the poison queue; it stays, "
                 "and is looked at again in a day",
                 LOG_TEXT("queue", taken->drain->poison), LOG_TEXT("message", taken->stored.id),
                 LOG_TEXT("code", code), LOG_END);
        storage_queue_extend(taken->drain->settings->name, taken->stored.id, taken->stored.receipt,
                             INVISIBLE_POISON_S, &request);
        send(taken, &request, on_deleted);
}

static void put_poison(struct taken *taken, http_done *done)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        if (taken->rest.size > 0)
                storage_queue_put(taken->drain->poison, buf_text(&taken->rest), taken->rest.size,
                                  &request);
        else
                storage_queue_put(taken->drain->poison, taken->stored.text, taken->stored.size,
                                  &request);
        send(taken, &request, done);
}

static void on_poisoned_at_last(void *context, const struct http_answer *answer)
{
        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (storage_answer_is_good(answer))
                remove_message(context);
        else
                keep_away(context, answer);
}

static void on_poison_made(void *context, const struct http_answer *answer)
{
        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (storage_answer_is_good(answer))
                put_poison(context, on_poisoned_at_last);
        else
                keep_away(context, answer);
}

static void on_poisoned(void *context, const struct http_answer *answer)
{
        struct taken *taken = context;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        if (answer->failure != HTTP_OK || answer->status != 404) {
                on_poisoned_at_last(taken, answer);
                return;
        }
        storage_queue_create(taken->drain->poison, &request);
        send(taken, &request, on_poison_made);
}

void queue_taken_poison(struct taken *taken)
{
        metrics_add(METRIC_QUEUE_POISON, 1);
        log_warn("QUEUE_POISON",
                 "What can't be taken of a storage queue's message goes to its poison queue",
                 LOG_TEXT("queue", taken->drain->settings->name),
                 LOG_TEXT("message", taken->stored.id),
                 LOG_INT("taken", taken->stored.dequeue_count),
                 LOG_TEXT("reason", taken->reason.text), LOG_END);
        put_poison(taken, on_poisoned);
}

/* --- held until a hub has accepted it (rule S8) --------------------------------------------- */

/* Its events are where they should be. */
static void conclude(struct taken *taken)
{
        if (taken->partly)
                queue_taken_poison(taken);
        else
                remove_message(taken);
}

static void release(struct taken *taken)
{
        taken->is_held = false;
        taken->drain->held--;
        if (taken->is_gone)
                finish(taken);
        else
                conclude(taken);
}

static void on_extended(void *context, const struct http_answer *answer)
{
        struct taken *taken = context;
        CLEANUP(buf_deinit) struct buf receipt = BUF_INIT;

        if (answer->failure == HTTP_E_STOPPED)
                return;
        taken->extending = false;
        if (storage_answer_is_good(answer) &&
            http_answer_header(answer, "x-ms-popreceipt", &receipt)) {
                free(taken->stored.receipt);
                taken->stored.receipt = buf_take(&receipt);
                taken->extend_ms = clock_steady_ms() + invisible_ms(taken->drain) / 2;
        } else if (answer->failure == HTTP_OK && (answer->status == 404 || answer->status == 400)) {
                log_debug("QUEUE_NOT_EXTENDED", "Somebody else has taken a message, too",
                          LOG_TEXT("queue", taken->drain->settings->name),
                          LOG_TEXT("message", taken->stored.id), LOG_INT("status", answer->status),
                          LOG_END);
                taken->is_gone = true;
        }
        if (taken->is_free)
                release(taken);
}

static void extend(struct taken *taken)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        taken->extending = true;
        storage_queue_extend(taken->drain->settings->name, taken->stored.id, taken->stored.receipt,
                             (int)taken->drain->settings->visibility_timeout_s, &request);
        send(taken, &request, on_extended);
}

/* From time to time, while messages are held. */
static void look_at_held(void *context)
{
        struct drain *drain = context;
        int64_t now_ms = clock_steady_ms();
        int64_t pause_ms = invisible_ms(drain) / LOOKS;

        drain->extends = drain->held > 0;
        if (!drain->extends)
                return;
        queue_look_up_held(drain);
        list_for_each (node, &drain->taken) {
                struct taken *taken = list_entry(node, struct taken, node);

                if (taken->is_held && !taken->extending && !taken->is_gone &&
                    now_ms >= taken->extend_ms)
                        extend(taken);
        }
        http_client_after(drain->access.http, pause_ms > LOOK_LEAST_MS ? pause_ms : LOOK_LEAST_MS,
                          look_at_held, drain);
}

static void hold(struct taken *taken)
{
        struct drain *drain = taken->drain;

        taken->is_held = true;
        drain->held++;
        if (!drain->extends) {
                drain->extends = true;
                http_client_after(drain->access.http, LOOK_LEAST_MS, look_at_held, drain);
        }
        queue_leave_batch(taken);
}

void queue_taken_left(struct taken *taken)
{
        taken->is_free = true;
        if (taken->is_held && !taken->extending)
                release(taken);
        else if (taken->is_over)
                queue_taken_free(taken);
}

/* --- what its delivery has said --------------------------------------------------------------- */

void queue_taken_settle(struct taken *taken)
{
        switch (taken->fate) {
        case DELIVERY_STORED:
        case DELIVERY_IGNORED:
                metrics_add(METRIC_QUEUE_TAKEN, 1);
                if (taken->owes && !taken->is_free)
                        hold(taken);
                else
                        conclude(taken);
                break;
        case DELIVERY_MALFORMED:
        case DELIVERY_UNFIT:
        case DELIVERY_UNTRUSTED:
        case DELIVERY_FOREIGN:
                queue_taken_poison(taken);
                break;
        case DELIVERY_NOT_NOW:
                taken->drain->refused = true;
                finish(taken);
                break;
        }
}
