// SPDX-License-Identifier: MIT
/* Downlinks of The Things Stack: the requests, and what the answers mean. */
#include "networks/downlink.h"
#include "unit/networks/support.h"

#define REFERENCE "0f6ad3a2-9a4c-5b5e-8f2e-1c2d3e4f5a6b"

static const struct downlink_driver *driver(void)
{
        return network_by_name("things-stack")->downlink;
}

static struct downlink a_downlink(void)
{
        struct downlink downlink = {
                .application = mem_text("orchard"),
                .device = mem_text("soil/04"),
                .port = 10,
                .priority = DOWNLINK_NORMAL,
                .payload = mem_text("AQI="),
                .reference = REFERENCE,
        };

        return downlink;
}

static const struct network_access access_of_webhook = {
        .base_url = "https://eu1.example.net/api/v3/as/applications/",
        .webhook_id = "isthmus",
        .api_key = "NNSXS.KEY",
};

static struct network_request request_of(const struct downlink *downlink,
                                         const struct network_access *access)
{
        struct network_request request = NETWORK_REQUEST_INIT;
        struct reason reason = REASON_INIT;

        if (driver()->request(downlink, access, &request, &reason) != 0)
                fail_msg("%s", reason.text);
        return request;
}

static void push_goes_behind_what_waits(void **state)
{
        struct downlink downlink = a_downlink();
        struct network_request request = request_of(&downlink, &access_of_webhook);

        (void)state;
        assert_string_equal(request.method, "POST");
        assert_string_equal(request.url, "https://eu1.example.net/api/v3/as/applications/orchard/"
                                         "webhooks/isthmus/devices/soil%2F04/down/push");
        assert_string_equal(request.authorization, "Bearer NNSXS.KEY");
        assert_string_equal(buf_text(&request.body),
                            "{\"downlinks\":[{\"f_port\":10,\"frm_payload\":\"AQI=\","
                            "\"confirmed\":false,\"priority\":\"NORMAL\",\"correlation_ids\":["
                            "\"isthmus:" REFERENCE "\"]}]}");
        network_request_deinit(&request);
        downlink_deinit(&downlink);
}

static void replace_with_an_object_that_the_network_encodes(void **state)
{
        struct downlink downlink = a_downlink();
        struct network_access access = access_of_webhook;
        struct network_request request;

        (void)state;
        access.webhook_id = NULL;
        downlink.replace = true;
        downlink.confirmed = true;
        downlink.priority = DOWNLINK_HIGHEST;
        downlink.decoded = mem_text("{\"on\":[1,null]}");
        mem_cleanup(&downlink.payload);
        downlink.payload = NULL;
        request = request_of(&downlink, &access);
        assert_string_equal(request.url, "https://eu1.example.net/api/v3/as/applications/orchard/"
                                         "devices/soil%2F04/down/replace");
        assert_string_equal(buf_text(&request.body),
                            "{\"downlinks\":[{\"f_port\":10,\"decoded_payload\":{\"on\":[1,null]},"
                            "\"confirmed\":true,\"priority\":\"HIGHEST\",\"correlation_ids\":["
                            "\"isthmus:" REFERENCE "\"]}]}");
        network_request_deinit(&request);
        downlink_deinit(&downlink);
}

static void an_empty_payload_is_allowed(void **state)
{
        struct downlink downlink = a_downlink();
        struct network_request request;

        (void)state;
        mem_cleanup(&downlink.payload);
        downlink.payload = NULL;
        request = request_of(&downlink, &access_of_webhook);
        assert_non_null(strstr(buf_text(&request.body), "\"frm_payload\":\"\""));
        network_request_deinit(&request);
        downlink_deinit(&downlink);
}

static void d1_answers_are_final_or_passing(void **state)
{
        static const struct {
                int status;
                enum downlink_answer answer;
        } rows[] = {
                {200, DOWNLINK_TAKEN},   {202, DOWNLINK_TAKEN},    {302, DOWNLINK_LATER},
                {400, DOWNLINK_REFUSED}, {401, DOWNLINK_LATER},    {403, DOWNLINK_LATER},
                {404, DOWNLINK_REFUSED}, {406, DOWNLINK_LATER},    {407, DOWNLINK_LATER},
                {408, DOWNLINK_LATER},   {409, DOWNLINK_LATER},    {413, DOWNLINK_REFUSED},
                {422, DOWNLINK_REFUSED}, {425, DOWNLINK_LATER},    {429, DOWNLINK_LATER},
                {499, DOWNLINK_LATER},   {500, DOWNLINK_FAILED},   {502, DOWNLINK_IN_DOUBT},
                {503, DOWNLINK_FAILED},  {504, DOWNLINK_IN_DOUBT},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct reason reason = REASON_INIT;

                if (driver()->answer(rows[i].status, NULL, 0, &reason) != rows[i].answer)
                        fail_msg("status %d", rows[i].status);
                assert_int_equal(rows[i].status < 300, reason.text[0] == '\0');
        }
}

/* Not joined yet, and a webhook that was renamed, are not what the downlink is. */
static void what_may_change_is_tried_again(void **state)
{
        static const struct {
                int status;
                const char *name;
                enum downlink_answer answer;
        } rows[] = {
                {400, "no_device_session", DOWNLINK_LATER},
                {400, "no_f_port", DOWNLINK_REFUSED},
                {404, "webhook_not_found", DOWNLINK_LATER},
                {404, "device_not_found", DOWNLINK_REFUSED},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(mem_cleanup)
                char *body = mem_format("{\"details\":[{\"name\":\"%s\"}]}", rows[i].name);

                assert_int_equal(driver()->answer(rows[i].status, body, strlen(body), NULL),
                                 rows[i].answer);
        }
}

static void errors_are_told_in_the_words_of_the_stack(void **state)
{
        static const char body[] =
                "{\"code\":3,\"message\":\"error:pkg/networkserver:x (payload too long)\","
                "\"details\":[{\"name\":\"application_downlink_too_long\"}]}";
        static const char *const others[] = {"", "no JSON", "[]", "{\"details\":[5]}",
                                             "{\"details\":{},\"message\":7}"};
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(driver()->answer(400, body, strlen(body), &reason), DOWNLINK_REFUSED);
        assert_string_equal(reason.text,
                            "The Things Stack answered 400 application_downlink_too_long: "
                            "error:pkg/networkserver:x (payload too long)");
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                driver()->answer(404, others[i], strlen(others[i]), &reason);
                assert_string_equal(reason.text, "The Things Stack answered 404");
        }
}

static void the_queue_is_asked_without_the_webhook(void **state)
{
        struct downlink downlink = a_downlink();
        struct network_request request = NETWORK_REQUEST_INIT;

        (void)state;
        driver()->list_request(&downlink, &access_of_webhook, &request);
        assert_string_equal(request.method, "GET");
        assert_string_equal(request.url, "https://eu1.example.net/api/v3/as/applications/orchard/"
                                         "devices/soil%2F04/down");
        assert_int_equal(request.body.size, 0);
        network_request_deinit(&request);
        downlink_deinit(&downlink);
}

static void a_listed_reference_is_found(void **state)
{
        static const struct {
                const char *body;
                enum downlink_listed listed;
        } rows[] = {
                {"{\"downlinks\":[{},{\"correlation_ids\":[\"x\",\"isthmus:" REFERENCE "\"]}]}",
                 DOWNLINK_LISTED},
                {"{\"downlinks\":[{\"correlation_ids\":[\"isthmus:" REFERENCE "0\"]}]}",
                 DOWNLINK_NOT_LISTED},
                {"{\"downlinks\":[{\"correlation_ids\":[\"other:" REFERENCE "\",null,5]}]}",
                 DOWNLINK_NOT_LISTED},
                {"{\"downlinks\":[{\"correlation_ids\":\"isthmus:" REFERENCE "\"},7]}",
                 DOWNLINK_NOT_LISTED},
                {"{}", DOWNLINK_NOT_LISTED},
                {"{\"downlinks\":5}", DOWNLINK_NO_LIST},
                {"[]", DOWNLINK_NO_LIST},
                {"", DOWNLINK_NO_LIST},
                {"<html>", DOWNLINK_NO_LIST},
        };
        const struct downlink asked = {.reference = REFERENCE};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (driver()->is_listed(&asked, rows[i].body, strlen(rows[i].body), NULL) !=
                    rows[i].listed)
                        fail_msg("%s", rows[i].body);
        }
        assert_int_equal(driver()->is_listed(&asked, NULL, 0, NULL), DOWNLINK_NO_LIST);
}

static void only_our_own_references_are_read(void **state)
{
        (void)state;
        assert_string_equal(downlink_reference("isthmus:" REFERENCE), REFERENCE);
        assert_null(downlink_reference("isthmus:"));
        assert_null(downlink_reference("isthmus:" REFERENCE "0"));
        assert_null(downlink_reference("Isthmus:" REFERENCE));
        assert_null(downlink_reference("az:LockToken:" REFERENCE));
        assert_null(downlink_reference(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(push_goes_behind_what_waits),
                cmocka_unit_test(replace_with_an_object_that_the_network_encodes),
                cmocka_unit_test(an_empty_payload_is_allowed),
                cmocka_unit_test(d1_answers_are_final_or_passing),
                cmocka_unit_test(what_may_change_is_tried_again),
                cmocka_unit_test(errors_are_told_in_the_words_of_the_stack),
                cmocka_unit_test(the_queue_is_asked_without_the_webhook),
                cmocka_unit_test(a_listed_reference_is_found),
                cmocka_unit_test(only_our_own_references_are_read),
        };

        return cmocka_run_group_tests_name("things_stack_downlink", tests, NULL, NULL);
}
