// SPDX-License-Identifier: MIT
/* What every kind of store promises of shards, of what events are for, and of claims. */
#include "component/store/conformance.h"

/* --- purposes ------------------------------------------------------------------------------- */

static bool note_purpose(void *context, const struct store_event *event)
{
        buf_add_format(context, "%s:%d ", event->message_id, (int)event->purpose);
        return true;
}

static char *purposes_of(struct store *store, const struct store_selection *selection)
{
        struct buf text = BUF_INIT;

        support_flush(store);
        assert_int_equal(store_events_each(store, selection, note_purpose, &text), 0);
        buf_add_text(&text, "");
        return buf_take(&text);
}

#define assert_purposes(store, expected, ...)                                                      \
        do {                                                                                       \
                char *found_ = purposes_of((store), &(struct store_selection){__VA_ARGS__});       \
                assert_string_equal(found_, (expected));                                           \
                free(found_);                                                                      \
        } while (0)

static int64_t put_for(struct store *store, const char *device, const char *message_id,
                       enum store_purpose purpose)
{
        struct store_event event = support_event(device, message_id, "x");

        event.purpose = purpose;
        assert_int_equal(support_put(store, &event, 1), 0);
        return event.id;
}

static void what_an_event_is_for_is_kept(void **state)
{
        struct fixture *fixture = *state;
        int64_t dead;

        put_for(fixture->store, "a", "m0", 0);
        put_for(fixture->store, "a", "m2", STORE_DOWNLINK_NEWS);
        dead = put_for(fixture->store, "b", "m3", STORE_BOTH);
        put_for(fixture->store, "b", "m4", STORE_ORDER);
        put_for(fixture->store, "b", "m1", STORE_UPLINK);
        reopen(fixture);
        assert_purposes(fixture->store, "m0:1 m2:2 m3:3 m4:4 m1:1 ", .device = NULL);
        assert_purposes(fixture->store, "m2:2 m3:3 m4:4 ", .news = true);
        assert_purposes(fixture->store, "m4:4 ", .news = true, .after_id = dead);
        store_dead(fixture->store, dead, "why");
        assert_purposes(fixture->store, "m4:4 m1:1 ", .device = "b");
        support_letters(fixture->store, store_dead_replay, 0);
        assert_purposes(fixture->store, "m4:4 m1:1 m3:3 ", .device = "b");
}

/* --- shards --------------------------------------------------------------------------------- */

static bool note_device(void *context, const char *device, int64_t waiting)
{
        buf_add_format(context, "%s=%ld ", device, (long)waiting);
        return true;
}

static bool note_record(void *context, const struct store_record *record)
{
        buf_add_format(context, "%s(%s) ", record->key, record->device ? record->device : "-");
        return true;
}

static void write_of(struct store *store, const char *key, const char *device)
{
        store_write_copy(
                store,
                &(struct store_record){
                        .kind = "k", .key = key, .device = device, .value = "v", .value_size = 1});
}

static void what_is_in_some_shards_is_read_alone(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards shards = {.bits = {0}};
        struct store_shards all = store_shards_all();
        struct buf devices = BUF_INIT;
        struct buf records = BUF_INIT;

        assert_int_not_equal(store_shard_of("a"), store_shard_of("b"));
        assert_int_not_equal(store_shard_of("c"), store_shard_of("b"));
        store_shards_add(&shards, store_shard_of("a"));
        store_shards_add(&shards, store_shard_of("c"));
        put_for(fixture->store, "b", "b1", STORE_UPLINK);
        put_for(fixture->store, "c", "c1", STORE_UPLINK);
        put_for(fixture->store, "c", "c2", STORE_BOTH);
        put_for(fixture->store, "b", "b2", STORE_ORDER);
        write_of(fixture->store, "1", "c");
        write_of(fixture->store, "2", NULL);
        write_of(fixture->store, "3", "b");
        assert_purposes(fixture->store, "c1:1 c2:3 ", .shards = &shards);
        assert_purposes(fixture->store, "c2:3 ", .shards = &shards, .news = true);
        assert_int_equal(store_devices_each(fixture->store, &shards, note_device, &devices), 0);
        assert_string_equal(buf_text(&devices), "c=2 ");
        assert_int_equal(store_records_each(fixture->store, "k", &shards, note_record, &records),
                         0);
        assert_string_equal(buf_text(&records), "1(c) ");
        /* All of them are everything. */
        buf_clear(&records);
        assert_int_equal(store_records_each(fixture->store, "k", &all, note_record, &records), 0);
        assert_string_equal(buf_text(&records), "1(c) 2(-) 3(b) ");
        buf_deinit(&devices);
        buf_deinit(&records);
}

/* --- claims --------------------------------------------------------------------------------- */

struct claim_call {
        struct store_claim claim; /* the first member */
        struct latch latch;
        char holder[64];
};

static void claim_done(struct store_claim *claim, int result, const char *device,
                       const char *template)
{
        struct claim_call *call = (struct claim_call *)(void *)claim;

        assert_int_equal(result, 0);
        snprintf(call->holder, sizeof(call->holder), "%s %s", device, template ? template : "-");
        latch_add(&call->latch);
}

static struct claim_call claim_of(const char *identity, const char *device, const char *template)
{
        return (struct claim_call){.claim = {.kind = "owner",
                                             .identity = identity,
                                             .device = device,
                                             .template = template,
                                             .done = claim_done},
                                   .latch = LATCH_INIT};
}

static void assert_claim(struct store *store, const char *device, const char *template,
                         const char *holder)
{
        struct claim_call call = claim_of("id@scope", device, template);

        store_claim(store, &call.claim);
        latch_wait(&call.latch, 1);
        assert_string_equal(call.holder, holder);
}

static void an_identity_is_claimed_by_one(void **state)
{
        struct fixture *fixture = *state;
        struct buf records = BUF_INIT;

        assert_claim(fixture->store, "a", "{device}", "a {device}");
        assert_claim(fixture->store, "b", "{other}", "a {device}");
        assert_claim(fixture->store, "a", "{new}", "a {device}");
        reopen(fixture);
        assert_claim(fixture->store, "b", NULL, "a {device}");
        assert_int_equal(store_records_each(fixture->store, "owner", NULL, note_record, &records),
                         0);
        assert_string_equal(buf_text(&records), "id@scope(a) ");
        buf_deinit(&records);
        /* Only its holder can give it back. */
        store_claim_release(fixture->store, "owner", "id@scope", "b");
        store_claim_release(fixture->store, "owner", "id@scope", "");
        assert_claim(fixture->store, "b", NULL, "a {device}");
        store_claim_release(fixture->store, "owner", "id@scope", "a");
        assert_claim(fixture->store, "b", NULL, "b -");
        store_claim_release(fixture->store, "owner", "id@scope", "b");
        assert_claim(fixture->store, "aa", NULL, "aa -");
        store_claim_release(fixture->store, "owner", "id@scope", "a");
        assert_claim(fixture->store, "b", NULL, "aa -");
}

/* The device is named as the holder, and found with what is in its lane. */
static void a_claim_counts_to_the_lane_of_its_device(void **state)
{
        struct fixture *fixture = *state;
        struct claim_call call = claim_of("id@scope", "a", NULL);
        struct store_shards shards = store_shards_none();
        struct buf records = BUF_INIT;

        call.claim.lane = "b";
        store_claim(fixture->store, &call.claim);
        latch_wait(&call.latch, 1);
        assert_string_equal(call.holder, "a -");
        store_shards_add(&shards, store_shard_of("b"));
        assert_int_equal(
                store_records_each(fixture->store, "owner", &shards, note_record, &records), 0);
        assert_string_equal(buf_text(&records), "id@scope(b) ");
        buf_deinit(&records);
}

static void claims_of_one_transaction_agree(void **state)
{
        enum {
                COUNT = 64
        };
        struct fixture *fixture = *state;
        struct claim_call calls[COUNT];
        char names[COUNT][8];
        char ids[COUNT][8];

        for (int i = 0; i < COUNT; i++) {
                snprintf(names[i], sizeof(names[i]), "d%d", i);
                snprintf(ids[i], sizeof(ids[i]), "id%d", i % 7);
                calls[i] = claim_of(ids[i], names[i], NULL);
        }
        for (int i = 0; i < COUNT; i++)
                store_claim(fixture->store, &calls[i].claim);
        for (int i = 0; i < COUNT; i++) {
                char expected[16];

                latch_wait(&calls[i].latch, 1);
                snprintf(expected, sizeof(expected), "d%d -", i % 7);
                assert_string_equal(calls[i].holder, expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_an_event_is_for_is_kept),
                TEST(what_is_in_some_shards_is_read_alone),
                TEST(an_identity_is_claimed_by_one),
                TEST(a_claim_counts_to_the_lane_of_its_device),
                TEST(claims_of_one_transaction_agree),
        };

        return run_for_every_backend(tests, ARRAY_SIZE(tests));
}
