// SPDX-License-Identifier: MIT
#include "gateway/ownership.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define TAKEOVER_THREAD "takeover"

/* Records that are handed to the thread "loop" at a time. */
#define BATCH 128

/* After a failure of the store. */
#define AGAIN_MS 1000

/* How long what is under way is awaited when shards are to leave, and then the end of links. */
#define OUTCOMES_MS 2000
#define LINKS_MS    1000

#define LOOK_MS 20

/* How long the end waits until others may have all shards. */
#define LEAVE_MS 4000

/* What the thread `takeover` is to do for some shards. */
struct order {
        struct list_node node;
        struct store_shards shards;
        struct store_shards left; /* of them, those that were lost since */
        int64_t since_ms;         /* steady clock; they have come */
        bool ends;                /* their feed ends, and that is all */
};

struct ownership {
        struct ownership_options options;
        pthread_t thread;
        bool runs;
        struct list leaving; /* struct release; of the thread "loop" */

        pthread_mutex_t lock; /* guards the rest */
        pthread_cond_t changed;
        struct list orders; /* what the thread is to do */
        struct order *running;
        size_t releases; /* that are under way */
        bool stopping;
        bool is_first;        /* somebody waits for `result` */
        bool lists;           /* the task is this gateway's */
        int result;           /* of the first failure */
        struct reason reason; /* with that */
};

/* Records on their way to the thread "loop". */
struct batch {
        struct ownership *ownership;
        const struct ownership_part *part;
        struct {
                char *key;
                char *value;
                size_t value_size;
        } records[BATCH];
        size_t count;
};

/* Shards that others are to have, once nothing of their devices is under way. */
struct release {
        struct list_node node;
        struct ownership *ownership;
        struct store_shards shards;
        struct timer timer;
        int64_t until_ms;  /* steady clock; of what is awaited */
        bool awaits_links; /* to be closed; else outcomes */
};

struct ownership *ownership_new(void)
{
        struct ownership *ownership = mem_new(1, sizeof(*ownership));

        pthread_mutex_init(&ownership->lock, NULL);
        condition_init(&ownership->changed);
        list_init(&ownership->orders);
        list_init(&ownership->leaving);
        return ownership;
}

void ownership_free(struct ownership *ownership)
{
        struct list_node *node;

        if (!ownership)
                return;
        while ((node = list_pop_front(&ownership->orders)))
                free(list_entry(node, struct order, node));
        while ((node = list_pop_front(&ownership->leaving)))
                free(list_entry(node, struct release, node));
        pthread_cond_destroy(&ownership->changed);
        pthread_mutex_destroy(&ownership->lock);
        free(ownership);
}

/* With the lock: of these shards, those of the order are not wanted any more. */
static void note_left(struct order *order, const struct store_shards *shards)
{
        struct store_shards left = *shards;

        store_shards_keep_all(&left, &order->shards);
        store_shards_add_all(&order->left, &left);
}

/* --- taking over ---------------------------------------------------------------------------- */

/* Nothing of it was lost, and the gateway goes on. */
static bool is_intact(struct ownership *ownership)
{
        bool intact;

        pthread_mutex_lock(&ownership->lock);
        intact = !ownership->stopping && store_shards_count(&ownership->running->left) == 0;
        pthread_mutex_unlock(&ownership->lock);
        return intact;
}

static void apply_batch(void *context)
{
        struct batch *batch = context;

        for (size_t i = 0; i < batch->count; i++)
                batch->part->take(batch->part->context,
                                  &(struct store_record){
                                          .kind = batch->part->kind,
                                          .key = batch->records[i].key,
                                          .value = batch->records[i].value,
                                          .value_size = batch->records[i].value_size,
                                  });
}

static void hand_over(struct batch *batch)
{
        if (batch->count > 0)
                loop_call(batch->ownership->options.loop, apply_batch, batch);
        for (size_t i = 0; i < batch->count; i++) {
                free(batch->records[i].key);
                free(batch->records[i].value);
        }
        batch->count = 0;
}

static bool add_record(void *context, const struct store_record *record)
{
        struct batch *batch = context;

        batch->records[batch->count].key = mem_text(record->key);
        batch->records[batch->count].value = mem_text_n(record->value, record->value_size);
        batch->records[batch->count++].value_size = record->value_size;
        if (batch->count == BATCH)
                hand_over(batch);
        return is_intact(batch->ownership);
}

static void end_part(void *context)
{
        const struct ownership_part *part = context;

        part->taken(part->context);
}

static int load_part(struct ownership *ownership, struct ownership_part *part,
                     struct reason *reason)
{
        struct batch batch = {.ownership = ownership, .part = part};
        int result = !part->take
                             ? 0
                             : store_records_each(ownership->options.store, part->kind,
                                                  &ownership->running->shards, add_record, &batch);

        hand_over(&batch);
        if (result != 0)
                reason_set(reason, "the store's records of the kind '%s' can't be read",
                           part->kind);
        else if (part->taken)
                loop_call(ownership->options.loop, end_part, part);
        return result;
}

static int recover_news(struct ownership *ownership, struct reason *reason)
{
        const struct store_selection news = {.shards = &ownership->running->shards, .news = true};
        int result = store_events_each(ownership->options.store, &news, uplink_queue_recover_news,
                                       ownership->options.queue);

        if (result != 0)
                reason_set(reason, "what the store has been told of downlinks can't be read");
        return result;
}

static int load(struct ownership *ownership, struct reason *reason)
{
        struct ownership_part *parts = ownership->options.parts;
        int result = 0;

        for (size_t i = 0; i < OWNERSHIP_PARTS && parts[i].kind && result == 0; i++)
                result = load_part(ownership, &parts[i], reason);
        /* What was told of downlinks, before their commands go on. */
        if (result == 0 && !ownership->options.is_idle)
                result = recover_news(ownership, reason);
        return result;
}

static bool recover_device(void *context, const char *device, int64_t waiting)
{
        struct ownership *ownership = context;

        (void)waiting;
        uplink_queue_recover(ownership->options.queue, device);
        return is_intact(ownership);
}

static int recover(struct ownership *ownership, struct reason *reason)
{
        int result = 0;

        if (!ownership->options.is_idle)
                result = store_devices_each(ownership->options.store, &ownership->running->shards,
                                            recover_device, ownership);
        if (result != 0)
                reason_set(reason, "the store's waiting events can't be read");
        return result;
}

/* On the thread "loop"; what was lost meanwhile is not opened. */
static void open_shards(void *context)
{
        struct ownership *ownership = context;
        const struct store_shards *shards = &ownership->running->shards;

        if (!is_intact(ownership))
                return;
        device_table_gain(ownership->options.devices, shards, ownership->running->since_ms);
        device_link_gain(ownership->options.link, shards);
        if (store_is_shared(ownership->options.store))
                device_table_take_listed(ownership->options.devices, shards);
}

/* On the thread "loop". */
static void lose(struct ownership *ownership, const struct store_shards *shards)
{
        const struct ownership_part *parts = ownership->options.parts;

        device_table_lose(ownership->options.devices, shards);
        device_link_lose(ownership->options.link, shards);
        uplink_queue_forget(ownership->options.queue, shards);
        for (size_t i = 0; i < OWNERSHIP_PARTS && parts[i].kind; i++) {
                if (parts[i].forget)
                        parts[i].forget(parts[i].context, shards);
        }
}

static void drop_running(void *context)
{
        struct ownership *ownership = context;

        lose(ownership, &ownership->running->shards);
}

/* All or nothing, unless it is not intact any more. */
static int take_over(struct ownership *ownership, struct reason *reason)
{
        int64_t started_ms = clock_steady_ms();
        const struct store_shards *shards = &ownership->running->shards;
        int result;

        result = store_feed_begin(ownership->options.store, shards);
        if (result != 0)
                reason_set(reason, "this gateway is ending");
        if (result == 0)
                result = load(ownership, reason);
        if (result == 0)
                loop_call(ownership->options.loop, open_shards, ownership);
        if (result == 0)
                result = recover(ownership, reason);
        if (result == 0 && is_intact(ownership)) {
                if (!ownership->options.is_idle)
                        store_feed_tell(ownership->options.store, shards);
                log_info("SHARDS_OPENED", "Devices were taken over",
                         LOG_INT("shards", store_shards_count(shards)),
                         LOG_INT("milliseconds", clock_steady_ms() - started_ms), LOG_END);
        }
        return result;
}

/* With the lock: the order is over, or begins anew with what was not lost. */
static void conclude(struct ownership *ownership, int result, const struct reason *reason)
{
        struct order *order = ownership->running;
        bool again = result != 0 || store_shards_count(&order->left) > 0;

        ownership->running = NULL;
        if (result != 0 && ownership->is_first && ownership->result == 0) {
                ownership->result = result;
                ownership->reason = *reason;
                again = false;
        }
        store_shards_remove_all(&order->shards, &order->left);
        order->left = store_shards_none();
        if (again && store_shards_count(&order->shards) > 0)
                list_push_front(&ownership->orders, &order->node);
        else
                free(order);
        pthread_cond_broadcast(&ownership->changed);
}

/* With the lock, which is given up meanwhile. */
static void end_feed(struct ownership *ownership, struct order *order)
{
        pthread_mutex_unlock(&ownership->lock);
        store_feed_end(ownership->options.store, &order->shards);
        free(order);
        pthread_mutex_lock(&ownership->lock);
}

/* With the lock, which is given up meanwhile. */
static void run_order(struct ownership *ownership, struct order *order)
{
        struct reason reason = REASON_INIT;
        int result;
        bool is_whole;

        ownership->running = order;
        pthread_mutex_unlock(&ownership->lock);
        result = take_over(ownership, &reason);
        is_whole = result == 0 && is_intact(ownership);
        if (!is_whole) {
                store_feed_end(ownership->options.store, &ownership->running->shards);
                loop_call(ownership->options.loop, drop_running, ownership);
        }
        pthread_mutex_lock(&ownership->lock);
        conclude(ownership, result, &reason);
        if (result == 0 || ownership->is_first || ownership->stopping)
                return;
        log_error("SHARDS_NOT_OPENED", "Devices can't be taken over yet",
                  LOG_TEXT("reason", reason.text), LOG_INT("again_in_ms", AGAIN_MS), LOG_END);
        condition_wait_until(&ownership->changed, &ownership->lock,
                             clock_steady_ns() + AGAIN_MS * CLOCK_NS_PER_MS);
}

static void *run(void *context)
{
        struct ownership *ownership = context;

        thread_enter(TAKEOVER_THREAD);
        pthread_mutex_lock(&ownership->lock);
        while (!ownership->stopping) {
                struct list_node *node = list_pop_front(&ownership->orders);
                struct order *order = node ? list_entry(node, struct order, node) : NULL;

                if (!order)
                        pthread_cond_wait(&ownership->changed, &ownership->lock);
                else if (order->ends)
                        end_feed(ownership, order);
                else
                        run_order(ownership, order);
        }
        pthread_mutex_unlock(&ownership->lock);
        return NULL;
}

/* --- what the store says -------------------------------------------------------------------- */

static void add_order(struct ownership *ownership, const struct store_shards *shards, bool ends)
{
        struct order *order = mem_new(1, sizeof(*order));

        order->shards = *shards;
        order->ends = ends;
        order->since_ms = clock_steady_ms();
        pthread_mutex_lock(&ownership->lock);
        list_push_back(&ownership->orders, &order->node);
        pthread_cond_broadcast(&ownership->changed);
        pthread_mutex_unlock(&ownership->lock);
}

static void on_gained(void *context, const struct store_shards *shards)
{
        add_order(context, shards, false);
}

/* Of what is or waits to be taken over they are not wanted any more. */
static void cancel(struct ownership *ownership, const struct store_shards *shards)
{
        pthread_mutex_lock(&ownership->lock);
        list_for_each (node, &ownership->orders) {
                struct order *waiting = list_entry(node, struct order, node);

                if (!waiting->ends)
                        store_shards_remove_all(&waiting->shards, shards);
        }
        if (ownership->running)
                note_left(ownership->running, shards);
        pthread_mutex_unlock(&ownership->lock);
}

/* What is stopping hears nothing any more; `context` is freed then, as `take` would do. */
static void post(struct ownership *ownership, void (*take)(void *context), void *context)
{
        bool stopping;

        pthread_mutex_lock(&ownership->lock);
        stopping = ownership->stopping;
        if (!stopping)
                loop_post(ownership->options.loop, take, context);
        pthread_mutex_unlock(&ownership->lock);
        if (stopping)
                free(context);
}

/* Some shards on their way to the thread "loop". */
static struct release *release_new(struct ownership *ownership, const struct store_shards *shards)
{
        struct release *release = mem_new(1, sizeof(*release));

        release->ownership = ownership;
        release->shards = *shards;
        return release;
}

static void take_loss(void *context)
{
        struct release *lost = context;

        list_for_each (node, &lost->ownership->leaving)
                store_shards_remove_all(&list_entry(node, struct release, node)->shards,
                                        &lost->shards);
        lose(lost->ownership, &lost->shards);
        free(lost);
}

static void on_lost(void *context, const struct store_shards *shards)
{
        cancel(context, shards);
        add_order(context, shards, true);
        post(context, take_loss, release_new(context, shards));
}

static void finish_release(struct release *release)
{
        struct ownership *ownership = release->ownership;

        list_remove(&ownership->leaving, &release->node);
        add_order(ownership, &release->shards, true);
        store_share_released(ownership->options.store, &release->shards);
        pthread_mutex_lock(&ownership->lock);
        ownership->releases--;
        pthread_cond_broadcast(&ownership->changed);
        pthread_mutex_unlock(&ownership->lock);
        free(release);
}

/* What is awaited has come, or takes too long. */
static void look(struct timer *timer)
{
        struct release *release = list_entry(timer, struct release, timer);
        struct ownership *ownership = release->ownership;
        const struct ownership_options *options = &ownership->options;
        bool is_over = clock_steady_ms() >= release->until_ms;

        if (!release->awaits_links &&
            (is_over || device_link_is_quiet(options->link, &release->shards))) {
                lose(ownership, &release->shards);
                release->awaits_links = true;
                release->until_ms = clock_steady_ms() + LINKS_MS;
                is_over = false;
        }
        if (release->awaits_links && (is_over || hub_client_closing(options->hubs) == 0))
                finish_release(release);
        else
                loop_timer_start(options->loop, timer, LOOK_MS);
}

static void begin_release(void *context)
{
        struct release *release = context;
        struct ownership *ownership = release->ownership;

        list_push_back(&ownership->leaving, &release->node);
        device_link_prepare_to_lose(ownership->options.link, &release->shards);
        release->timer.run = look;
        release->until_ms = clock_steady_ms() + OUTCOMES_MS;
        look(&release->timer);
}

static void on_release(void *context, const struct store_shards *shards)
{
        struct ownership *ownership = context;

        cancel(ownership, shards);
        pthread_mutex_lock(&ownership->lock);
        ownership->releases++;
        pthread_mutex_unlock(&ownership->lock);
        post(ownership, begin_release, release_new(ownership, shards));
}

/* How many share the work, on its way to the thread "loop". */
struct head_count {
        struct ownership *ownership;
        int live;
};

static void take_members(void *context)
{
        struct head_count *count = context;
        const struct ownership_options *options = &count->ownership->options;

        options->members(options->context, count->live);
        free(count);
}

static void take_lists(void *context)
{
        struct head_count *count = context;
        const struct ownership_options *options = &count->ownership->options;

        options->lists(options->context, count->live > 0);
        free(count);
}

static void post_lists(struct ownership *ownership, bool lists)
{
        struct head_count *count = mem_new(1, sizeof(*count));

        *count = (struct head_count){ownership, lists ? 1 : 0};
        post(ownership, take_lists, count);
}

/* At the start it is told behind the first takeover: listed devices are made by their owner. */
static void on_task(void *context, int task, bool held)
{
        struct ownership *ownership = context;
        bool is_first;

        if (task != STORE_SHARE_REGISTRIES)
                return;
        pthread_mutex_lock(&ownership->lock);
        ownership->lists = held;
        is_first = ownership->is_first;
        pthread_mutex_unlock(&ownership->lock);
        if (!is_first)
                post_lists(ownership, held);
}

static void on_members(void *context, int live)
{
        struct head_count *count = mem_new(1, sizeof(*count));

        *count = (struct head_count){context, live};
        post(context, take_members, count);
}

struct store_share_ear ownership_ear(struct ownership *ownership)
{
        return (struct store_share_ear){.gained = on_gained,
                                        .release = on_release,
                                        .lost = on_lost,
                                        .members = on_members,
                                        .task = on_task,
                                        .context = ownership};
}

/* --- life ----------------------------------------------------------------------------------- */

int ownership_start(struct ownership *ownership, const struct ownership_options *options,
                    struct reason *reason)
{
        int result;
        bool lists;

        ownership->options = *options;
        ownership->is_first = true;
        ownership->runs = true;
        thread_start(&ownership->thread, run, ownership);
        store_share_start(options->store);
        pthread_mutex_lock(&ownership->lock);
        while (ownership->result == 0 && (ownership->running || !list_is_empty(&ownership->orders)))
                pthread_cond_wait(&ownership->changed, &ownership->lock);
        ownership->is_first = false;
        lists = ownership->lists;
        result = ownership->result;
        if (result != 0)
                *reason = ownership->reason;
        pthread_mutex_unlock(&ownership->lock);
        if (result != 0)
                ownership_stop(ownership);
        else if (lists)
                post_lists(ownership, true);
        return result;
}

static bool owns_any(const struct store *store)
{
        int shard = 0;

        while (shard < STORE_SHARDS && !store_may_act(store, shard))
                shard++;
        return shard < STORE_SHARDS;
}

/* With the lock: the shards are given back, or the lease is over soon. */
static void await_release(struct ownership *ownership)
{
        int64_t until_ms = clock_steady_ms() + LEAVE_MS;

        while ((ownership->releases > 0 || owns_any(ownership->options.store)) &&
               clock_steady_ms() < until_ms)
                condition_wait_until(&ownership->changed, &ownership->lock,
                                     clock_steady_ns() + LOOK_MS * CLOCK_NS_PER_MS);
}

void ownership_stop(struct ownership *ownership)
{
        bool shares = ownership->runs && store_is_shared(ownership->options.store);

        if (!ownership->runs)
                return;
        ownership->runs = false;
        if (shares)
                store_share_leave(ownership->options.store);
        pthread_mutex_lock(&ownership->lock);
        if (shares)
                await_release(ownership);
        ownership->stopping = true;
        pthread_cond_broadcast(&ownership->changed);
        pthread_mutex_unlock(&ownership->lock);
        store_feed_cancel(ownership->options.store);
        pthread_join(ownership->thread, NULL);
}
