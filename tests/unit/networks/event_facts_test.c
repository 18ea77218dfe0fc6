// SPDX-License-Identifier: MIT
/* How a device is heard, and its battery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "networks/event_record.h"
#include "networks/network.h"

static void assert_view(const struct event_facts *facts, const char *expected)
{
        CLEANUP(json_cleanup) struct json_object *view = json_object_new_object();
        CLEANUP(json_cleanup) struct json_object *again = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text_again = BUF_INIT;
        struct event_facts restored;

        event_facts_view(facts, view);
        json_write(&text, view);
        assert_string_equal(buf_text(&text), expected);
        event_facts_restore(view, &restored);
        event_facts_view(&restored, again);
        json_write(&text_again, again);
        assert_string_equal(buf_text(&text_again), expected);
}

static void the_gateway_that_hears_best_counts(void **state)
{
        struct event_facts facts = {.told = 0};

        (void)state;
        assert_view(&facts, "{}");
        event_facts_hear(&facts, NULL, (double)NAN, (double)NAN);
        assert_view(&facts, "{\"signal\":{\"gateways\":1}}");
        event_facts_hear(&facts, "far", -120, (double)NAN);
        event_facts_hear(&facts, "weak", -97, -2.5);
        event_facts_hear(&facts, "best", -99.5, 8.25);
        event_facts_hear(&facts, "same", -101, 8.25);
        event_facts_hear(&facts, "loud", -40, (double)NAN);
        assert_view(&facts, "{\"signal\":{\"rssi\":-99.5,\"snr\":8.25,\"gateway\":\"best\","
                            "\"gateways\":6}}");
        event_facts_hear(&facts, "near", -98, 8.25);
        assert_view(&facts, "{\"signal\":{\"rssi\":-98,\"snr\":8.25,\"gateway\":\"near\","
                            "\"gateways\":7}}");
}

static void what_can_t_be_is_not_told(void **state)
{
        struct event_facts facts = {.told = 0};

        (void)state;
        event_facts_lora(&facts, 4, 125000);
        event_facts_lora(&facts, 7, 0);
        event_facts_lora(&facts, 7, INT64_MAX);
        event_facts_charge(&facts, (double)NAN);
        event_facts_charge(&facts, -1);
        event_facts_charge(&facts, 100.5);
        assert_view(&facts, "{}");
        event_facts_lora(&facts, 12, 125000);
        event_facts_count(&facts, UINT32_MAX);
        event_facts_charge(&facts, 0);
        assert_view(&facts, "{\"signal\":{\"dataRate\":\"SF12BW125\",\"counter\":4294967295},"
                            "\"battery\":{\"percent\":0}}");
}

static void a_long_name_is_cut_at_a_character(void **state)
{
        struct event_facts facts = {.told = 0};

        (void)state;
        event_facts_hear(&facts, "a-name-of-exactly-forty-six-bytes-and-so-it-is\xc3\xa9", -1, 1);
        assert_string_equal(facts.gateway, "a-name-of-exactly-forty-six-bytes-and-so-it-is");
}

/* Signal and battery are told apart, each as of its own time; what comes late changes nothing. */
static void the_newest_of_each_is_kept(void **state)
{
        struct event_facts known = {.told = 0};
        struct event_facts uplink = {.told = 0};
        struct event_facts status = {.told = FACT_MARGIN | FACT_EXTERNAL_POWER, .margin = 7};
        struct event_facts counter = {.told = 0};

        (void)state;
        event_facts_hear(&uplink, "roof", -97, 8);
        event_facts_take(&known, &uplink, 2 * INT64_C(1000000000));
        event_facts_take(&known, &status, INT64_C(1000000000));
        assert_view(&known,
                    "{\"signal\":{\"rssi\":-97,\"snr\":8,\"gateway\":\"roof\",\"gateways\":1,"
                    "\"at\":\"1970-01-01T00:00:02.000Z\"},\"battery\":{\"margin\":7,"
                    "\"externalPower\":false,\"at\":\"1970-01-01T00:00:01.000Z\"}}");
        event_facts_count(&counter, 5);
        event_facts_take(&known, &counter, INT64_C(1999999999));
        assert_int_equal(known.counter, 0);
        event_facts_take(&known, &counter, 3 * INT64_C(1000000000));
        assert_view(&known, "{\"signal\":{\"counter\":5,\"at\":\"1970-01-01T00:00:03.000Z\"},"
                            "\"battery\":{\"margin\":7,\"externalPower\":false,"
                            "\"at\":\"1970-01-01T00:00:01.000Z\"}}");
}

static void other_json_is_not_told(void **state)
{
        static const char text[] = "{\"signal\":{\"rssi\":\"x\",\"gateway\":5,\"counter\":null},"
                                   "\"battery\":[1]}";
        CLEANUP(json_cleanup)
        struct json_object *view = json_parse(text, strlen(text), 4, JSON_STRICT, NULL);
        struct event_facts facts;

        (void)state;
        assert_non_null(view);
        event_facts_restore(view, &facts);
        assert_view(&facts, "{}");
        event_facts_restore(NULL, &facts);
        assert_view(&facts, "{}");
}

static void a_record_has_them_where_that_is_asked(void **state)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        CLEANUP(buf_deinit) struct buf without = BUF_INIT;
        struct event decoded;
        struct event event = {.network = "things-stack",
                              .kind = EVENT_UPLINK,
                              .message_id = "00000000-0000-4000-8000-000000000000",
                              .application = (char[]){"a"},
                              .device = (char[]){"d"}};

        (void)state;
        event_encode(&event, &without);
        event_record_add_facts(&event, &without);
        event_facts_hear(&event.facts, "roof", -97, 8);
        event_encode(&event, &record);
        assert_string_equal(buf_text(&record), buf_text(&without));
        event_record_add_facts(&event, &record);
        assert_int_equal(event_decode(record.data, record.size, &decoded, NULL), 0);
        assert_string_equal(decoded.facts.gateway, "roof");
        assert_int_equal(decoded.facts.told, event.facts.told);
        event_deinit(&decoded);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_gateway_that_hears_best_counts),
                cmocka_unit_test(what_can_t_be_is_not_told),
                cmocka_unit_test(a_long_name_is_cut_at_a_character),
                cmocka_unit_test(the_newest_of_each_is_kept),
                cmocka_unit_test(other_json_is_not_told),
                cmocka_unit_test(a_record_has_them_where_that_is_asked),
        };

        return cmocka_run_group_tests_name("networks.event_facts", tests, NULL, NULL);
}
