// SPDX-License-Identifier: MIT
/* Control messages of Myriota: the requests, and what the answers mean (rule D4). */
#include "networks/myriota/myriota.h"
#include "unit/networks/support.h"

static struct downlink a_downlink(const char *payload)
{
        struct downlink downlink = {
                .application = mem_text("tracker"),
                .device = mem_text("0001020304"),
                .payload = mem_text(payload),
        };

        return downlink;
}

static void check_url(const char *base, const char *url)
{
        struct downlink downlink = a_downlink("Aaq7");
        struct network_access access = {.base_url = base, .api_key = "eyJ.TOKEN"};
        struct network_request request = NETWORK_REQUEST_INIT;
        struct reason reason = REASON_INIT;

        assert_int_equal(myriota_downlink.request(&downlink, &access, &request, &reason), 0);
        assert_string_equal(request.method, "POST");
        assert_string_equal(request.url, url);
        assert_string_equal(request.authorization, "eyJ.TOKEN");
        assert_string_equal(buf_text(&request.body),
                            "{\"ModuleId\":\"0001020304\",\"Message\":\"01aabb\"}");
        network_request_deinit(&request);
        downlink_deinit(&downlink);
}

static void the_token_goes_bare_and_the_base_in_every_form(void **state)
{
        static const char url[] = "https://api.myriota.com/v1/control-messages";

        (void)state;
        check_url("https://api.myriota.com", url);
        check_url("https://api.myriota.com/", url);
        check_url("https://api.myriota.com/v1", url);
        check_url("https://api.myriota.com/v1/", url);
        check_url("https://localhost:8443/myriota//",
                  "https://localhost:8443/myriota/v1/control-messages");
}

static void d4_payloads_have_1_to_20_bytes(void **state)
{
        static const struct {
                const char *payload;
                int result;
        } rows[] = {
                {"", 1},
                {"AA==", 0},
                {"AAECAwQFBgcICQoLDA0ODxAREhM=", 0},
                {"AAECAwQFBgcICQoLDA0ODxAREhMU", 1},
                {"not base64", 1},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct downlink downlink = a_downlink(rows[i].payload);
                struct network_access access = {.base_url = "https://a", .api_key = "k"};
                struct network_request request = NETWORK_REQUEST_INIT;
                struct reason reason = REASON_INIT;

                if (myriota_downlink.request(&downlink, &access, &request, &reason) !=
                    rows[i].result)
                        fail_msg("'%s'", rows[i].payload);
                assert_int_equal(rows[i].result, reason.text[0] != '\0');
                network_request_deinit(&request);
                downlink_deinit(&downlink);
        }
}

static void d4_answers_say_whose_turn_it_is(void **state)
{
        static const struct {
                int status;
                const char *body;
                enum downlink_answer answer;
        } rows[] = {
                {200, "{\"Id\":\"a\",\"ModuleId\":\"m\",\"Status\":\"Pending\"}", DOWNLINK_TAKEN},
                {201, "", DOWNLINK_TAKEN},
                {400, "{\"message\":\"a message is already pending for this module\"}",
                 DOWNLINK_BUSY},
                {400, "{\"Message\":\"Message PENDING\"}", DOWNLINK_BUSY},
                {409, "already pending", DOWNLINK_BUSY},
                {400, "{\"message\":\"Message is not hexadecimal\"}", DOWNLINK_REFUSED},
                {400, "", DOWNLINK_REFUSED},
                {401, "{\"message\":\"pending\"}", DOWNLINK_LATER},
                {403, "", DOWNLINK_LATER},
                {404, "", DOWNLINK_REFUSED},
                {302, "", DOWNLINK_LATER},
                {409, "", DOWNLINK_LATER},
                {408, "", DOWNLINK_LATER},
                {429, "{\"message\":\"Too Many Requests\"}", DOWNLINK_LATER},
                {500, "{\"message\":\"pending\"}", DOWNLINK_FAILED},
                {504, "", DOWNLINK_IN_DOUBT},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct reason reason = REASON_INIT;

                if (myriota_downlink.answer(rows[i].status, rows[i].body, strlen(rows[i].body),
                                            &reason) != rows[i].answer)
                        fail_msg("%d %s", rows[i].status, rows[i].body);
                assert_int_equal(rows[i].status < 300, reason.text[0] == '\0');
        }
}

static void errors_are_told_in_the_words_of_the_api(void **state)
{
        static const struct {
                int status;
                const char *body;
                const char *reason;
        } rows[] = {
                {404, "{\"message\":\"no such module\"}",
                 "Myriota answered 404: no such module (does the module belong to the token's "
                 "account?)"},
                {401, "Unauthorized",
                 "Myriota answered 401: Unauthorized (is Myriota.ApiToken a valid token?)"},
                {429, "<html>", "Myriota answered 429"},
                {429, "[]", "Myriota answered 429"},
                {429, "{\"message\":7}", "Myriota answered 429"},
                {429, "\xff", "Myriota answered 429"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct reason reason = REASON_INIT;

                myriota_downlink.answer(rows[i].status, rows[i].body, strlen(rows[i].body),
                                        &reason);
                assert_string_equal(reason.text, rows[i].reason);
        }
}

static void the_published_samples_mean_what_they_say(void **state)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_true(support_read_file(
                TEST_PROJECT "/tests/data/samples/myriota/api/control-message-400-pending.json",
                &body));
        assert_int_equal(myriota_downlink.answer(400, body.data, body.size, &reason),
                         DOWNLINK_BUSY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_token_goes_bare_and_the_base_in_every_form),
                cmocka_unit_test(d4_payloads_have_1_to_20_bytes),
                cmocka_unit_test(d4_answers_say_whose_turn_it_is),
                cmocka_unit_test(errors_are_told_in_the_words_of_the_api),
                cmocka_unit_test(the_published_samples_mean_what_they_say),
        };

        return cmocka_run_group_tests_name("myriota_downlink", tests, NULL, NULL);
}
