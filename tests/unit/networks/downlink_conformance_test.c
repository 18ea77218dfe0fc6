// SPDX-License-Identifier: MIT
/* What every network with downlinks must keep, run over every row of the table. */
#include "unit/networks/support.h"

#define REFERENCE "0f6ad3a2-9a4c-5b5e-8f2e-1c2d3e4f5a6b"

/* Ids that would do harm in a URL or in JSON if they were not escaped. */
#define HOSTILE "a/../b?c#d\"e\\f g\n"

static const struct network_access access_to = {
        .base_url = "https://api.example.net/base",
        .api_key = "SECRET",
};

/* Calls `check` with every driver that has downlinks. */
static void each_driver(void (*check)(const struct downlink_driver *driver))
{
        size_t count = 0;

        for (size_t i = 0; networks[i]; i++) {
                if (!networks[i]->downlink)
                        continue;
                check(networks[i]->downlink);
                count++;
        }
        assert_true(count >= 2);
}

static struct downlink a_downlink(void)
{
        struct downlink downlink = {
                .application = mem_text(HOSTILE),
                .device = mem_text(HOSTILE),
                .port = 10,
                .priority = DOWNLINK_NORMAL,
                .payload = mem_text("AQI="),
                .reference = REFERENCE,
        };

        return downlink;
}

static void check_request(const struct downlink_driver *driver)
{
        struct downlink downlink = a_downlink();
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;
        struct reason reason = REASON_INIT;
        struct json_object *body;

        assert_int_equal(driver->request(&downlink, &access_to, &request, &reason), 0);
        assert_int_equal(strncmp(request.url, access_to.base_url, strlen(access_to.base_url)), 0);
        assert_null(strpbrk(request.url, "?#\"\\ \n"));
        assert_null(strstr(request.url, "/../"));
        assert_null(strstr(request.url, access_to.api_key));
        assert_non_null(strstr(request.authorization, access_to.api_key));
        body = json_parse(request.body.data, request.body.size, 16, JSON_STRICT, &reason);
        assert_true(json_object_is_type(body, json_type_object));
        json_object_put(body);
        downlink_deinit(&downlink);
}

static void requests_keep_ids_and_keys_in_their_place(void **state)
{
        (void)state;
        each_driver(check_request);
}

static void check_limits(const struct downlink_driver *driver)
{
        struct reason reason = REASON_INIT;

        assert_true(driver->minimum_bytes <= driver->maximum_bytes);
        if (driver->maximum_bytes == 0) {
                assert_true(downlink_fits(driver, 0, &reason));
                return;
        }
        assert_true(downlink_fits(driver, driver->minimum_bytes, &reason));
        assert_true(downlink_fits(driver, driver->maximum_bytes, &reason));
        assert_string_equal(reason.text, "");
        assert_false(downlink_fits(driver, driver->maximum_bytes + 1, &reason));
        assert_true(reason.text[0] != '\0');
}

static void limits_are_told_by_number(void **state)
{
        (void)state;
        each_driver(check_limits);
}

static void check_answers(const struct downlink_driver *driver)
{
        static const char *const bodies[] = {
                "", "{}", "[]", "null", "\xff\xfe", "{\"message\":", "pending"};

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                for (int status = 100; status < 600; status++) {
                        struct reason reason = REASON_INIT;
                        enum downlink_answer answer =
                                driver->answer(status, bodies[i], strlen(bodies[i]), &reason);

                        assert_int_equal(answer == DOWNLINK_TAKEN, status >= 200 && status <= 299);
                        assert_int_equal(answer == DOWNLINK_IN_DOUBT || answer == DOWNLINK_FAILED,
                                         status >= 500);
                        assert_int_equal(answer == DOWNLINK_TAKEN, reason.text[0] == '\0');
                }
                assert_int_equal(driver->answer(429, bodies[i], strlen(bodies[i]), NULL),
                                 DOWNLINK_LATER);
        }
}

static void every_status_has_a_meaning_and_every_failure_a_reason(void **state)
{
        (void)state;
        each_driver(check_answers);
}

/* Either the network's own list tells whether a downlink arrived, or its one place for it. */
static void check_doubt(const struct downlink_driver *driver)
{
        assert_int_equal(driver->list_request == NULL, driver->is_listed == NULL);
        assert_true(driver->list_request || !driver->fate);
}

static void what_is_in_doubt_can_be_found_out(void **state)
{
        (void)state;
        each_driver(check_doubt);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_keep_ids_and_keys_in_their_place),
                cmocka_unit_test(limits_are_told_by_number),
                cmocka_unit_test(every_status_has_a_meaning_and_every_failure_a_reason),
                cmocka_unit_test(what_is_in_doubt_can_be_found_out),
        };

        return cmocka_run_group_tests_name("downlink_conformance", tests, NULL, NULL);
}
