// SPDX-License-Identifier: MIT
#include "cli/gateway/queue_change.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "cli/gateway/gateway_control.h"
#include "gateway/control/control_request.h"

/* --- by the gateway ------------------------------------------------------------------------ */

/* One request; `before` is that of the one it goes on with, and of its answer. */
static int ask(struct http_client *gateway, struct queue_change *change, const char *which,
               int64_t *before, size_t *changed, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *answer = NULL;

        buf_add_format(&path, "/letters/%s?%s", change->replay ? "replay" : "drop", which);
        if (*before > 0)
                buf_add_format(&path, "&before=%" PRId64, *before);
        answer = gateway_control_call(gateway, "POST", buf_text(&path), reason);
        if (!answer)
                return -EIO;
        *changed = (size_t)json_number_member(answer, "changed", 0);
        *before = json_number_member(answer, "before", 0);
        change->changed += *changed;
        change->left = json_number_member(answer, "left", 0);
        change->more = json_bool_member(answer, "more", false);
        return 0;
}

static int ask_for_some(struct http_client *gateway, struct queue_change *change,
                        struct reason *reason)
{
        int result = 0;

        for (size_t i = 0; i < change->count && result == 0 && !change->more;) {
                CLEANUP(buf_deinit) struct buf ids = BUF_INIT;
                size_t end =
                        i + CONTROL_IDS_MAX < change->count ? i + CONTROL_IDS_MAX : change->count;
                int64_t before = 0;
                size_t changed;

                for (; i < end; i++)
                        buf_add_format(&ids, "%s%" PRId64,
                                       ids.size > 0 ? "," : "ids=", change->ids[i]);
                result = ask(gateway, change, buf_text(&ids), &before, &changed, reason);
        }
        return result;
}

/* As many requests as it takes; what dies meanwhile is not asked for. */
static int ask_for_all(struct http_client *gateway, struct queue_change *change,
                       struct reason *reason)
{
        int64_t before = 0;
        size_t changed;
        int result;

        do {
                result = ask(gateway, change, "all=true", &before, &changed, reason);
        } while (result == 0 && change->more && changed > 0);
        return result;
}

/* --- by ourselves -------------------------------------------------------------------------- */

struct own_change {
        struct store_letters letters; /* the first member */
        int result;
};

/* On the store's thread, at the latest while it is closed. */
static void note_result(struct store_letters *letters, int result)
{
        struct own_change *change = (struct own_change *)(void *)letters;

        change->result = result;
}

static int change_store(const struct store_options *options, struct queue_change *change,
                        struct reason *reason)
{
        struct own_change own = {
                .letters = {.ids = change->ids, .count = change->count, .done = note_result}};
        struct store *store = NULL;
        int result = store_open(options, &store, reason);

        if (result != 0)
                return result;
        if (change->replay)
                store_dead_replay(store, &own.letters);
        else
                store_dead_drop(store, &own.letters);
        store_close(store);
        change->changed = own.letters.changed;
        change->left = own.letters.left;
        change->more = own.letters.more;
        if (own.result != 0)
                reason_set(reason, "the store can't be written");
        return own.result;
}

int queue_change_run(const struct store_options *options, struct queue_change *change,
                     struct reason *reason)
{
        struct http_client *gateway = NULL;
        int result = gateway_control_open(options->directory, &gateway, reason);

        if (result == GATEWAY_CONTROL_E_ABSENT)
                return change_store(options, change, reason);
        if (result == 0)
                result = change->ids ? ask_for_some(gateway, change, reason)
                                     : ask_for_all(gateway, change, reason);
        http_client_free(gateway);
        return result;
}
