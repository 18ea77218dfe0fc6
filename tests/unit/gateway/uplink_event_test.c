// SPDX-License-Identifier: MIT
/* Events on their way, and what a webhook tells of the way back: gateway/device/uplink_event.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "gateway/device/uplink_event.h"
#include "networks/event.h"
#include "networks/event_record.h"

static void make_record(const char *details, struct buf *record)
{
        CLEANUP(event_deinit) struct event event = EVENT_INIT;

        event.network = "things-stack";
        event.kind = EVENT_UPLINK;
        event.application = mem_text("a");
        event.device = mem_text("d");
        event.details = mem_text(details);
        crypto_uuid_of("x", 1, event.message_id);
        event_encode(&event, record);
}

/* The record is read by all that read events, as if nothing had been added. */
static void check_event(const struct buf *record, const char *details)
{
        CLEANUP(event_deinit) struct event event = EVENT_INIT;
        struct reason reason = REASON_INIT;

        assert_int_equal(event_decode(record->data, record->size, &event, &reason), 0);
        assert_string_equal(event.device, "d");
        if (details)
                assert_string_equal(event.details, details);
}

static void what_was_heard_goes_with_the_record(void **state)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        char base_url[] = "https://tts.example/api/v3/as/applications";
        char webhook_id[] = "web\"hook";
        char api_key[] = "NNSXS.\\KEY";
        const struct downlink_heard heard = {
                .way = {.base_url = base_url, .webhook_id = webhook_id, .api_key = api_key},
                .is_named = true,
        };
        struct downlink_heard *found;

        (void)state;
        make_record(NULL, &record);
        downlink_heard_add(&heard, &record);
        check_event(&record, NULL);
        found = downlink_heard_find(record.data, record.size);
        assert_non_null(found);
        assert_true(downlink_way_equal(&found->way, &heard.way));
        assert_true(found->is_named);
        assert_string_equal(found->reason.text, "");
        downlink_heard_free(found);
}

static void its_key_is_shown_to_nobody(void **state)
{
        CLEANUP(buf_deinit) struct buf plain = BUF_INIT;
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        char api_key[] = "NNSXS.KEY";
        const struct downlink_heard heard = {.way = {.api_key = api_key}};

        (void)state;
        make_record("{\"heard\":{}}", &plain);
        make_record("{\"heard\":{}}", &record);
        downlink_heard_add(&heard, &record);
        assert_non_null(strstr(buf_text(&record), api_key));
        downlink_heard_hide(record.data, record.size, &shown);
        assert_string_equal(buf_text(&shown), buf_text(&plain));
        buf_clear(&shown);
        downlink_heard_hide(plain.data, plain.size, &shown);
        assert_string_equal(buf_text(&shown), buf_text(&plain));
}

static void a_way_that_must_not_be_followed_keeps_its_reason(void **state)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        struct downlink_heard heard = {.is_named = false};
        struct downlink_heard *found;

        (void)state;
        reason_set(&heard.reason, "its host is not allowed");
        make_record(NULL, &record);
        downlink_heard_add(&heard, &record);
        found = downlink_heard_find(record.data, record.size);
        assert_non_null(found);
        assert_null(found->way.base_url);
        assert_false(found->is_named);
        assert_string_equal(found->reason.text, "its host is not allowed");
        downlink_heard_free(found);
}

/* Whoever may send uplinks must not lead a device's commands elsewhere. */
static void what_a_device_sends_is_no_way(void **state)
{
        static const char *const details[] = {
                "{\"heard\":{\"baseUrl\":\"https://evil.example\",\"apiKey\":\"k\"}}",
                "{\"a\":\"\\\"heard\\\":{\\\"baseUrl\\\":\\\"https://evil.example\\\"}\"}",
                "{\"a\":[{\"heard\":{\"baseUrl\":\"https://evil.example\"}}]}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
                CLEANUP(buf_deinit) struct buf record = BUF_INIT;

                make_record(details[i], &record);
                check_event(&record, details[i]);
                assert_null(downlink_heard_find(record.data, record.size));
        }
}

static void an_event_in_one_piece_has_copies_of_all_texts(void **state)
{
        struct event event = EVENT_INIT;
        struct uplink_event *made;
        char key[] = "things-stack/a/d";

        (void)state;
        event.kind = EVENT_JOIN_ACCEPT;
        event.application = mem_text("a");
        event.device = mem_text("d");
        event.dev_eui = mem_text("00005EEF00000001");
        event.decoded = mem_text("{\"t\":1}");
        event.details = mem_text("{}");
        made = uplink_event_new(&event, key);
        memset(key, 'x', sizeof(key) - 1);
        assert_null(event.device);
        assert_int_equal(made->event.kind, EVENT_JOIN_ACCEPT);
        assert_string_equal(made->device_key, "things-stack/a/d");
        assert_string_equal(made->event.application, "a");
        assert_string_equal(made->event.device, "d");
        assert_string_equal(made->event.dev_eui, "00005EEF00000001");
        assert_null(made->event.payload);
        assert_string_equal(made->event.decoded, "{\"t\":1}");
        assert_string_equal(made->event.details, "{}");
        uplink_event_free(made);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_heard_goes_with_the_record),
                cmocka_unit_test(its_key_is_shown_to_nobody),
                cmocka_unit_test(a_way_that_must_not_be_followed_keeps_its_reason),
                cmocka_unit_test(what_a_device_sends_is_no_way),
                cmocka_unit_test(an_event_in_one_piece_has_copies_of_all_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
