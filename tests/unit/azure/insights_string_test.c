// SPDX-License-Identifier: MIT
/* Rule A10: forms of Application Insights' connection strings. */
#include "azure/insights_string.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY "11111111-2222-3333-4444-5555555555ab"

static void test_a10_forms_of_the_endpoint(void **state)
{
        static const struct {
                const char *text;
                const char *endpoint;
        } rows[] = {
                {"InstrumentationKey=" KEY ";IngestionEndpoint=https://we-1.in.example/",
                 "https://we-1.in.example"},
                {"ingestionendpoint=https://we-1.in.example/;INSTRUMENTATIONKEY=" KEY
                 ";LiveEndpoint=https://l.example/;ApplicationId=x;",
                 "https://we-1.in.example"},
                {"InstrumentationKey=" KEY, "https://dc.services.visualstudio.com"},
                {KEY, "https://dc.services.visualstudio.com"},
                {"InstrumentationKey=" KEY ";EndpointSuffix=ai.example", "https://dc.ai.example"},
                {"InstrumentationKey=" KEY ";EndpointSuffix=ai.example;Location=westus2",
                 "https://westus2.dc.ai.example"},
                {"InstrumentationKey=" KEY ";IngestionEndpoint=http://127.0.0.1:9999/",
                 "http://127.0.0.1:9999"},
                {"InstrumentationKey=" KEY ";IngestionEndpoint=http://[::1]:9999",
                 "http://[::1]:9999"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct insights_string parsed;
                struct reason reason = REASON_INIT;

                assert_true(insights_string_parse(rows[i].text, &parsed, &reason));
                assert_string_equal(parsed.key, KEY);
                assert_string_equal(parsed.endpoint, rows[i].endpoint);
                assert_false(parsed.is_blank);
                insights_string_deinit(&parsed);
        }
}

static void test_a10_the_audience_is_kept(void **state)
{
        struct insights_string parsed;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_true(insights_string_parse("InstrumentationKey=" KEY
                                          ";AADAudience=https://monitor.azure.us/",
                                          &parsed, &reason));
        assert_string_equal(parsed.audience, "https://monitor.azure.us/");
        insights_string_deinit(&parsed);
}

static void test_a10_a_template_is_blank(void **state)
{
        struct insights_string parsed;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_true(insights_string_parse("InstrumentationKey=00000000-0000-0000-0000-000000000000",
                                          &parsed, &reason));
        assert_true(parsed.is_blank);
        insights_string_deinit(&parsed);
        assert_true(insights_string_parse("InstrumentationKey=00000000-0000-0000-0000-000000000000;"
                                          "IngestionEndpoint=http://localhost:1/",
                                          &parsed, &reason));
        assert_false(parsed.is_blank);
        insights_string_deinit(&parsed);
}

static void test_a10_what_is_wrong_is_named(void **state)
{
        static const struct {
                const char *text;
                const char *named;
        } rows[] = {
                {"IngestionEndpoint=https://a.example", "InstrumentationKey"},
                {"InstrumentationKey=;IngestionEndpoint=https://a.example", "InstrumentationKey"},
                {"InstrumentationKey=11111111-2222-3333-4444-55555555555", "GUID"},
                {"InstrumentationKey=1111111112222-3333-4444-5555555555555", "GUID"},
                {"11111111-2222-3333-4444-5555555555zz", "no '='"},
                {"InstrumentationKey=" KEY ";IngestionEndpoint=http://a.example", "https"},
                {"InstrumentationKey=" KEY ";IngestionEndpoint=ftp://a.example", "https"},
                {"InstrumentationKey=" KEY ";IngestionEndpoint=https://u@a.example", "user name"},
                {"InstrumentationKey=" KEY ";IngestionEndpoint=https://", "IngestionEndpoint"},
                {"InstrumentationKey=" KEY ";EndpointSuffix=a b", "EndpointSuffix"},
                {"", "empty"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct insights_string parsed;
                struct reason reason = REASON_INIT;

                assert_false(insights_string_parse(rows[i].text, &parsed, &reason));
                assert_non_null(strstr(reason.text, rows[i].named));
                assert_null(parsed.key);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a10_forms_of_the_endpoint),
                cmocka_unit_test(test_a10_the_audience_is_kept),
                cmocka_unit_test(test_a10_a_template_is_blank),
                cmocka_unit_test(test_a10_what_is_wrong_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
