// SPDX-License-Identifier: MIT
#include "gateway/control/control_answers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

/* One request, while the store is at it. */
struct change {
        struct store_letters letters; /* the first member */
        struct control_request request;
        struct http_exchange *exchange;
        struct uplink_queue *queue;
};

static void replayed(struct store_letters *letters, const struct store_event *event)
{
        struct change *change = (struct change *)(void *)letters;

        uplink_queue_add_stored(change->queue, event, false);
}

static void done(struct store_letters *letters, int result)
{
        struct change *change = (struct change *)(void *)letters;
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;

        if (result == 0) {
                buf_add_format(&answer,
                               "{\"changed\":%zu,\"left\":%" PRId64 ",\"more\":%s,"
                               "\"before\":%" PRId64 "}\n",
                               letters->changed, letters->left, letters->more ? "true" : "false",
                               letters->end);
                http_exchange_answer(change->exchange, 200, "application/json", &answer);
        } else {
                http_exchange_problem(change->exchange, 503, "Refused",
                                      "the store can't be written now");
        }
        free(change);
}

void control_letters_change(const struct control_options *options,
                            const struct control_request *request, struct http_exchange *exchange)
{
        struct change *change = mem_new(1, sizeof(*change));

        change->request = *request;
        change->exchange = exchange;
        change->queue = options->queue;
        change->letters = (struct store_letters){
                .ids = request->id_count > 0 ? change->request.ids : NULL,
                .count = request->id_count,
                .end = request->before,
                .maximum = request->limit,
                .replayed = replayed,
                .done = done,
        };
        if (request->call == CONTROL_REPLAY)
                store_dead_replay(options->store, &change->letters);
        else
                store_dead_drop(options->store, &change->letters);
}
