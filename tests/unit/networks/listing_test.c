// SPDX-License-Identifier: MIT
/* The networks' own rules for lists of devices, and the shared samples of them. */
#include "unit/networks/support.h"

static const struct listing_access reach = {
        .base_url = "https://eu1.example.net/api/v3/",
        .api_key = "KEY",
        .application = "orchard",
        .paging_parameter = "NextItem",
        .page_size = 100,
};

static void assert_request(const char *network, const char *page, const char *url,
                           const char *authorization)
{
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;

        network_by_name(network)->listing->request(&reach, page, &request);
        assert_string_equal(request.url, url);
        assert_string_equal(request.authorization, authorization);
}

static void the_things_stack_is_asked_page_by_page_in_a_stable_order(void **state)
{
        (void)state;
        assert_request("things-stack", NULL,
                       "https://eu1.example.net/api/v3/applications/orchard/devices?page=1&limit="
                       "100&field_mask=attributes&order=device_id",
                       "Bearer KEY");
        assert_request("things-stack", "12",
                       "https://eu1.example.net/api/v3/applications/orchard/devices?page=12&limit="
                       "100&field_mask=attributes&order=device_id",
                       "Bearer KEY");
}

static void myriota_is_asked_with_the_bare_token_and_its_own_next_item(void **state)
{
        (void)state;
        assert_request("myriota", NULL,
                       "https://eu1.example.net/api/v3/v1/modules?Destinations=false", "KEY");
        assert_request("myriota", "0046/+ &=",
                       "https://eu1.example.net/api/v3/v1/modules?Destinations=false&NextItem="
                       "0046%2F%2B%20%26%3D",
                       "KEY");
}

static void
a_refusal_of_the_things_stack_names_its_error_and_the_right_that_is_missing(void **state)
{
        static const char body[] = "{\"code\":7,\"message\":\"no right\",\"details\":[{\"name\":"
                                   "\"no_rights\"}]}";
        struct reason reason = REASON_INIT;

        (void)state;
        network_by_name("things-stack")->listing->explain(403, body, sizeof(body) - 1, &reason);
        assert_non_null(strstr(reason.text, "no_rights"));
        assert_non_null(strstr(reason.text, "RIGHT_APPLICATION_DEVICES_READ"));
}

static void the_class_of_a_device_is_an_attribute(void **state)
{
        static const struct {
                const char *attributes;
                enum device_class device_class;
                bool is_remarked;
        } rows[] = {
                {"{\"lorawan-class\":\"A\"}", DEVICE_CLASS_A, false},
                {"{\"lorawanclass\":\"b\"}", DEVICE_CLASS_B, false},
                {"{\"LoRaWANClass\":\"C\"}", DEVICE_CLASS_C, false},
                {"{\"lorawan-class\":\"\"}", DEVICE_CLASS_NOT_KNOWN, false},
                {"{\"lorawan-class\":\"D\"}", DEVICE_CLASS_NOT_KNOWN, true},
                {"{\"lorawan-class\":1}", DEVICE_CLASS_NOT_KNOWN, true},
                {"{}", DEVICE_CLASS_NOT_KNOWN, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(json_cleanup)
                struct json_object *object = json_tokener_parse(rows[i].attributes);
                struct device_attributes attributes = {.model_id = NULL};
                struct reason remark = REASON_INIT;

                device_attributes_read(object, &attributes, &remark);
                assert_int_equal(attributes.device_class, rows[i].device_class);
                assert_int_equal(remark.text[0] != '\0', rows[i].is_remarked);
                device_attributes_deinit(&attributes);
        }
}

/* --- samples ------------------------------------------------------------------------------- */

static struct device_list read_sample(const char *network, const char *file)
{
        CLEANUP(mem_cleanup)
        char *path = mem_format(TEST_PROJECT "/tests/data/samples/%s/api/%s.json", network, file);
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct device_list list = DEVICE_LIST_INIT;
        struct reason reason = REASON_INIT;

        assert_true(support_read_file(path, &body));
        if (network_by_name(network)->listing->read("1", body.data, body.size, &list, &reason) != 0)
                fail_msg("%s: %s", path, reason.text);
        return list;
}

/* Originals' errors 17 and 20. */
static void sample_pages_of_the_things_stack_are_understood(void **state)
{
        struct device_list list = read_sample("things-stack", "devices-page-1");

        (void)state;
        assert_int_equal(list.count, 3);
        assert_string_equal(list.next, "2");
        assert_string_equal(list.devices[0].dev_eui, "70B3D57ED0050001");
        assert_string_equal(list.devices[0].attributes.model_id,
                            "dtmi:ttnv3connectorclient:RASK3172Breakout1c7;1");
        assert_int_equal(list.devices[0].attributes.integration, INTEGRATION_ON);
        assert_int_equal(list.devices[1].attributes.integration, INTEGRATION_OFF);
        assert_int_equal(list.devices[2].attributes.integration, INTEGRATION_UNSAID);
        assert_non_null(strstr(list.devices[2].remark, "'yes'"));
        device_list_deinit(&list);

        list = read_sample("things-stack", "devices-page-2");
        assert_int_equal(list.count, 2);
        assert_null(list.devices[0].remark);
        assert_null(list.devices[1].attributes.model_id);
        device_list_deinit(&list);

        list = read_sample("things-stack", "devices-page-past-end");
        assert_int_equal(list.count, 0);
        assert_null(list.next);
        device_list_deinit(&list);
}

/* Originals' errors 19 and 20. */
static void sample_pages_of_myriota_are_understood(void **state)
{
        struct device_list list = read_sample("myriota", "modules-page-1");

        (void)state;
        assert_int_equal(list.count, 2);
        assert_string_equal(list.next, "00d1000a80");
        assert_string_equal(list.devices[0].device, "0001020304");
        assert_string_equal(list.devices[0].attributes.model_id,
                            "dtmi:myriotaconnector:Tracker_2lb;1");
        assert_string_equal(list.devices[0].attributes.uplink_formatter, "tracker");
        assert_null(list.devices[1].attributes.model_id);
        assert_null(list.devices[1].remark);
        device_list_deinit(&list);

        list = read_sample("myriota", "modules-page-2");
        assert_int_equal(list.count, 1);
        assert_null(list.next);
        assert_string_equal(list.devices[0].attributes.model_id, "dtmi:example:Level;1");
        assert_string_equal(list.devices[0].attributes.uplink_formatter, "level");
        device_list_deinit(&list);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_things_stack_is_asked_page_by_page_in_a_stable_order),
                cmocka_unit_test(myriota_is_asked_with_the_bare_token_and_its_own_next_item),
                cmocka_unit_test(
                        a_refusal_of_the_things_stack_names_its_error_and_the_right_that_is_missing),
                cmocka_unit_test(the_class_of_a_device_is_an_attribute),
                cmocka_unit_test(sample_pages_of_the_things_stack_are_understood),
                cmocka_unit_test(sample_pages_of_myriota_are_understood),
        };

        return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
