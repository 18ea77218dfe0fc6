// SPDX-License-Identifier: MIT
/* The built-in Event Hubs endpoint (rule W23): who may read, from where, and how much at a time. */
#include <proton/codec.h>

#include "amqp_world.h"
#include "localhub/events/event_endpoint.h"
#include "localhub/events/event_message.h"
#include "localhub/events/event_selector.h"

static struct event_endpoint endpoint;

static const char *const groups[] = {"other"};

static void arrived(void *context)
{
        (void)context;
        event_endpoint_arrived(&endpoint);
}

static int set_up_events(void **state)
{
        set_up(state);
        event_endpoint_init(&endpoint, &world.core, groups, ARRAY_SIZE(groups));
        telemetry_log_watch(world.core.telemetry, arrived, NULL);
        assert_int_equal(client_put_policy(client, "service", 3600), 200);
        return 0;
}

static int tear_down_events(void **state)
{
        tear_down(state);
        event_endpoint_deinit(&endpoint);
        return 0;
}

static void append(const char *device, const char *body)
{
        const struct telemetry_record record = {.hub = "hub1",
                                                .device_id = device,
                                                .enqueued_ms = world.core.wall_ms,
                                                .body = body,
                                                .body_size = strlen(body)};

        (void)telemetry_log_append(world.core.telemetry, &record);
        world_run(&world);
}

/* A reader that is not attached yet. */
static pn_link_t *reader_new(const char *address, const char *filter)
{
        static int number;
        char name[32];
        pn_link_t *link;

        snprintf(name, sizeof(name), "reader-%d", ++number);
        link = pn_receiver(client->session, name);
        pn_terminus_set_address(pn_link_source(link), address);
        if (filter) {
                pn_data_t *data = pn_terminus_filter(pn_link_source(link));
                const char *key = "apache.org:selector-filter:string";

                pn_data_put_map(data);
                pn_data_enter(data);
                pn_data_put_symbol(data, pn_bytes(strlen(key), key));
                pn_data_put_described(data);
                pn_data_enter(data);
                pn_data_put_ulong(data, UINT64_C(0x468C00000004));
                pn_data_put_string(data, pn_bytes(strlen(filter), filter));
        }
        return link;
}

static void set_epoch(pn_link_t *link, int64_t epoch)
{
        pn_data_t *data = pn_link_properties(link);

        pn_data_put_map(data);
        pn_data_enter(data);
        pn_data_put_symbol(data, pn_bytes(strlen("com.microsoft:epoch"), "com.microsoft:epoch"));
        pn_data_put_long(data, epoch);
}

static pn_link_t *attach(pn_link_t *link, int credit)
{
        pn_link_open(link);
        pn_link_flow(link, credit);
        world_run(&world);
        return link;
}

static const char *partition_of(const char *device)
{
        static char address[80];

        snprintf(address, sizeof(address), "hub1/ConsumerGroups/$Default/Partitions/%d",
                 (int)(table_hash(device) % 4));
        return address;
}

/* The bodies that came on a link, in a row. */
static void assert_got(const pn_link_t *link, const char *expected)
{
        CLEANUP(buf_deinit) struct buf bodies = BUF_INIT;
        struct got *got;

        while ((got = client_take(client, link)) != NULL) {
                buf_add(&bodies, got->message.data.data, got->message.data.size);
                pn_delivery_settle(got->delivery);
                got_free(got);
        }
        world_run(&world);
        assert_string_equal(buf_text(&bodies), expected);
}

static void a_reader_gets_what_is_there_and_what_comes_as_its_credit_allows(void **state)
{
        pn_link_t *link;

        (void)state;
        append("dev1", "1");
        append("dev1", "2");
        append("dev1", "3");
        link = attach(reader_new(partition_of("dev1"), NULL), 2);
        assert_string_equal(link_condition(link), "");
        assert_got(link, "12");
        pn_link_flow(link, 10);
        world_run(&world);
        assert_got(link, "3");
        append("dev1", "4");
        assert_got(link, "4");
}

static void another_hubs_telemetry_is_not_given(void **state)
{
        const struct telemetry_record record = {
                .hub = "hub2", .device_id = "dev1", .body = "x", .body_size = 1};
        pn_link_t *link = attach(reader_new(partition_of("dev1"), NULL), 10);

        (void)state;
        (void)telemetry_log_append(world.core.telemetry, &record);
        append("dev1", "1");
        assert_got(link, "1");
}

static void a_reader_that_insists_settles_by_itself(void **state)
{
        pn_link_t *link = reader_new(partition_of("dev1"), NULL);
        struct got *got;

        (void)state;
        pn_link_set_snd_settle_mode(link, PN_SND_UNSETTLED);
        attach(link, 10);
        append("dev1", "1");
        got = client_take(client, link);
        assert_non_null(got);
        assert_false(pn_delivery_settled(got->delivery));
        settle(got, PN_ACCEPTED);
        assert_got(link, "");
}

static void filters_say_where_to_begin(void **state)
{
        static const struct {
                const char *filter;
                const char *expected;
        } cases[] = {
                {"amqp.annotation.x-opt-offset > '-1'", "123"},
                {"amqp.annotation.x-opt-offset > '2'", "3"},
                {"amqp.annotation.x-opt-offset >= '2'", "23"},
                {"amqp.annotation.x-opt-offset > '@latest'", ""},
                {"amqp.annotation.x-opt-sequence-number > '0'", "23"},
                {"amqp.annotation.x-opt-sequence-number >= 2", "3"},
                {"amqp.annotation.x-opt-enqueued-time > '0'", "123"},
        };

        (void)state;
        append("dev1", "1");
        append("dev1", "2");
        append("dev1", "3");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                pn_link_t *link = attach(reader_new(partition_of("dev1"), cases[i].filter), 10);

                assert_string_equal(link_condition(link), "");
                assert_got(link, cases[i].expected);
                pn_link_close(link);
                world_run(&world);
        }
}

static void wrong_readers_are_refused_with_the_reason(void **state)
{
        static const struct {
                const char *address;
                const char *filter;
                const char *condition;
        } cases[] = {
                {"hub2/ConsumerGroups/$Default/Partitions/0", NULL, "amqp:not-found"},
                {"hub1/ConsumerGroups/nobody/Partitions/0", NULL, "amqp:not-found"},
                {"hub1/ConsumerGroups/$Default/Partitions/4", NULL,
                 "com.microsoft:argument-out-of-range"},
                {"hub1/ConsumerGroups/OTHER/Partitions/0", "amqp.annotation.x-opt-offset > '9'",
                 "com.microsoft:argument-out-of-range"},
                {"hub1/ConsumerGroups/other/Partitions/0", "x-opt-offset = 'a'",
                 "com.microsoft:argument-error"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                pn_link_t *link = attach(reader_new(cases[i].address, cases[i].filter), 1);

                assert_string_equal(link_condition(link), cases[i].condition);
                assert_string_not_equal(link_description(link), "");
        }
}

static void readers_need_the_right_of_services(void **state)
{
        struct client *device = client_open(&world);
        pn_link_t *link;

        (void)state;
        assert_int_equal(client_authorise(device, "dev1"), 200);
        link = client_receiver(device, partition_of("dev1"), 1);
        assert_string_equal(link_condition(link), "amqp:unauthorized-access");
        /* And they lose it with the token. */
        link = attach(reader_new(partition_of("dev1"), NULL), 1);
        assert_string_equal(link_condition(link), "");
        world_advance(&world, 3601 * 1000);
        assert_string_equal(link_condition(link), "amqp:unauthorized-access");
}

static void the_highest_epoch_stays_alone(void **state)
{
        pn_link_t *plain = attach(reader_new(partition_of("dev1"), NULL), 10);
        pn_link_t *first = reader_new(partition_of("dev1"), NULL);
        pn_link_t *second = reader_new(partition_of("dev1"), NULL);
        pn_link_t *late = reader_new(partition_of("dev1"), NULL);

        (void)state;
        set_epoch(first, 1);
        attach(first, 10);
        assert_string_equal(link_condition(plain), "amqp:link:stolen");
        set_epoch(second, 1);
        attach(second, 10);
        assert_string_equal(link_condition(first), "amqp:link:stolen");
        set_epoch(late, 0);
        attach(late, 10);
        assert_string_equal(link_condition(late), "amqp:link:stolen");
        plain = attach(reader_new(partition_of("dev1"), NULL), 10);
        assert_string_equal(link_condition(plain), "amqp:link:stolen");
        append("dev1", "1");
        assert_got(second, "1");
        assert_got(late, "");
}

static void five_readers_without_an_epoch_are_the_most(void **state)
{
        pn_link_t *link;

        (void)state;
        for (int i = 0; i < 5; i++) {
                link = attach(reader_new(partition_of("dev1"), NULL), 1);
                assert_string_equal(link_condition(link), "");
        }
        link = attach(reader_new(partition_of("dev1"), NULL), 1);
        assert_string_equal(link_condition(link), "amqp:resource-limit-exceeded");
}

static void a_reader_may_vanish_with_its_connection(void **state)
{
        pn_link_t *link = attach(reader_new(partition_of("dev1"), NULL), 1);

        (void)state;
        assert_string_equal(link_condition(link), "");
        assert_true(event_endpoint_has_readers(&endpoint));
        client_free(client);
        assert_false(event_endpoint_has_readers(&endpoint));
        append("dev1", "1");
}

static void requests_of_other_kinds_are_answered_with_a_status(void **state)
{
        pn_link_t *out = client_sender(client, "$management");
        pn_link_t *in = client_receiver(client, "hub1/$management", 10);
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        struct amqp_wire_value status;
        struct got *got;

        (void)state;
        write_telemetry(&request, "r1", "", 0);
        pn_delivery_settle(client_send(client, out, &request));
        got = client_take(client, in);
        assert_non_null(got);
        status = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                    "status-code");
        assert_int_equal(status.number, 501);
        assert_true(amqp_wire_is_text(&got->message.correlation_id, "r1"));
        settle(got, PN_ACCEPTED);
}

static void selectors_are_read_strictly(void **state)
{
        static const char *const bad[] = {
                "",
                "amqp.annotation.x-opt-offset",
                "amqp.annotation.x-opt-offset >",
                "amqp.annotation.x-opt-offset > ''",
                "amqp.annotation.x-opt-offset > '1",
                "amqp.annotation.x-opt-offset < '1'",
                "amqp.annotation.x-opt-offset => '1'",
                "amqp.annotation.x-opt-offset > '1' AND 1",
                "amqp.annotation.x-opt-offsets > '1'",
                "amqp.annotation.x-opt-sequence-number > '@latest'",
                "amqp.annotation.x-opt-sequence-number > '99999999999999999999'",
        };
        struct event_selector selector;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(event_selector_read(bad[i], strlen(bad[i]), &selector));
        assert_false(event_selector_read("a\0b", 3, &selector));
        assert_true(
                event_selector_read(" amqp.annotation.x-opt-enqueued-time>=17 ", 41, &selector));
        assert_int_equal(selector.field, EVENT_TIME);
        assert_true(selector.inclusive);
        assert_int_equal(selector.value, 17);
}

static bool has_properties(const struct telemetry_record *record)
{
        static const char section[] = {0x00, 0x53, 0x73};
        struct telemetry_partition now = {.last = 1};
        struct buf message = BUF_INIT;
        bool found;

        event_message_write(&message, record, &now, 1);
        found = memmem(message.data, message.size, section, sizeof(section)) != NULL;
        buf_deinit(&message);
        return found;
}

/* Clients may take a section of properties to have a content type. */
static void a_message_without_properties_has_no_section_of_them(void **state)
{
        struct telemetry_record record = {.hub = "hub1",
                                          .device_id = "dev1",
                                          .module_id = "",
                                          .connection = "",
                                          .model_id = "",
                                          .message_id = "",
                                          .correlation_id = "",
                                          .content_type = "",
                                          .content_encoding = "",
                                          .component = "",
                                          .user_id = "",
                                          .generation_id = "1",
                                          .body = "x",
                                          .body_size = 1};

        (void)state;
        assert_false(has_properties(&record));
        record.content_type = "text/plain";
        assert_true(has_properties(&record));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_events, tear_down_events)
        const struct CMUnitTest tests[] = {
                TEST(a_reader_gets_what_is_there_and_what_comes_as_its_credit_allows),
                TEST(another_hubs_telemetry_is_not_given),
                TEST(a_reader_that_insists_settles_by_itself),
                TEST(filters_say_where_to_begin),
                TEST(wrong_readers_are_refused_with_the_reason),
                TEST(readers_need_the_right_of_services),
                TEST(the_highest_epoch_stays_alone),
                TEST(five_readers_without_an_epoch_are_the_most),
                TEST(a_reader_may_vanish_with_its_connection),
                TEST(requests_of_other_kinds_are_answered_with_a_status),
                TEST(selectors_are_read_strictly),
                TEST(a_message_without_properties_has_no_section_of_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
