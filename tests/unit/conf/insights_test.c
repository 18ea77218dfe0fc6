// SPDX-License-Identifier: MIT
/* Rules A10 and A5: where a connection string of Application Insights may stand, and tokens. */
#include "support.h"

#include "base/mem.h"

#define AZURE         "\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}}"
#define GUID(digit)   digit "1111111-2222-3333-4444-555555555555"
#define STRING(digit) "InstrumentationKey=" GUID(digit)

static const char *chosen(const struct loaded *loaded)
{
        enum settings_insights_place place;

        return settings_insights(&loaded->settings, &place);
}

static void a10_the_places_have_an_order(void **state)
{
        char *const environment[] = {VARIABLE("APPLICATIONINSIGHTS_CONNECTION_STRING=" STRING("4")),
                                     VARIABLE("APPINSIGHTS_INSTRUMENTATIONKEY=" GUID("5")), NULL};
        static const char *const files[] = {
                "\"Insights\": {\"ConnectionString\": \"" STRING("1") "\"},",
                "\"ConnectionStrings\": {\"ApplicationInsights\": \"" STRING("2") "\"},",
                "\"ApplicationInsights\": {\"ConnectionString\": \"" STRING("3") "\"},",
                "",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                buf_add_char(&text, '{');
                for (size_t j = i; j < ARRAY_SIZE(files); j++)
                        buf_add_text(&text, files[j]);
                buf_add_text(&text, AZURE "}");
                load_text_as(&loaded, "test.json", buf_text(&text), environment);
                assert_counts(&loaded, 0, 0);
                assert_int_equal(chosen(&loaded)[strlen("InstrumentationKey=")], '1' + (int)i);
        }
}

/* Each of the places in which the earlier programs' users have it. */
static void a10_a_key_alone_is_used_with_a_warning(void **state)
{
        static const char *const texts[] = {
                ("{" AZURE ", \"APPINSIGHTS_INSTRUMENTATIONKEY\": \"" GUID("5") "\"}"),
                ("{\"IsEncrypted\": false, \"Values\": {\"APPINSIGHTS_INSTRUMENTATIONKEY\": "
                 "\"" GUID("5") "\"}, " AZURE "}"),
                ("{" AZURE
                 ", \"ApplicationInsights\": {\"InstrumentationKey\": \"" GUID("5") "\"}}"),
                ("{" AZURE
                 ", \"ConnectionStrings\": {\"ApplicationInsights\": \"" GUID("5") "\"}}"),
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, texts[i]);
                assert_counts(&loaded, 0, 1);
                assert_said(&loaded, "a key alone is told at an address that works");
                assert_text(chosen(&loaded), GUID("5"));
        }
}

/* App Service sets the one by itself, whatever the user has set. */
static void a10_two_keys_are_no_mistake(void **state)
{
        char *const environment[] = {VARIABLE("ApplicationInsights__InstrumentationKey=" GUID("6")),
                                     VARIABLE("APPINSIGHTS_INSTRUMENTATIONKEY=" GUID("5")), NULL};
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text_as(&loaded, "test.json", "{" AZURE "}", environment);
        assert_counts(&loaded, 0, 1);
        assert_text(chosen(&loaded), GUID("5"));
}

static void a10_what_a_template_has_is_no_attempt(void **state)
{
        CLEANUP(loaded_free) struct loaded dots;
        CLEANUP(loaded_free) struct loaded zeros;

        (void)state;
        load_text(&dots, "{" AZURE ", \"ConnectionStrings\": {\"ApplicationInsights\": \"...\"}}");
        assert_counts(&dots, 0, 0);
        assert_null(chosen(&dots));
        assert_said(&dots, "note: ConnectionStrings.ApplicationInsights: has no effect");
        load_text(&zeros, "{" AZURE ", \"APPINSIGHTS_INSTRUMENTATIONKEY\": "
                          "\"00000000-0000-0000-0000-000000000000\"}");
        assert_counts(&zeros, 0, 0);
        assert_said(&zeros, "note: APPINSIGHTS_INSTRUMENTATIONKEY: has no effect");
}

static void a10_what_is_malformed_is_a_mistake(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{" AZURE ", \"ConnectionStrings\": {\"ApplicationInsights\": "
                           "\"InstrumentationKey=1111\"}}");
        assert_counts(&loaded, 1, 0);
        assert_said(&loaded, "InstrumentationKey is no GUID");
}

static void a5_tokens_are_asked_for_in_microsoft_s_words(void **state)
{
        static const char *const good[] = {"Authorization=AAD", "authorization=aad;",
                                           "Authorization=AAD;ClientId=11111111-2222"};
        static const char *const bad[] = {"Authorization=ikey", "ClientId=1", "AAD"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(mem_cleanup)
                char *variable =
                        mem_format("APPLICATIONINSIGHTS_AUTHENTICATION_STRING=%s", good[i]);
                char *const environment[] = {variable, NULL};

                load_text_as(&loaded, "test.json",
                             "{\"Insights\": {\"ConnectionString\": \"" STRING("1") "\"}," AZURE
                                                                                    "}",
                             environment);
                assert_counts(&loaded, 0, 0);
                assert_text(loaded.settings.monitor.authentication, good[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(mem_cleanup)
                char *text = mem_format("{\"Insights\": {\"Authentication\": \"%s\"}, " AZURE "}",
                                        bad[i]);

                load_text(&loaded, text);
                assert_counts(&loaded, 1, 0);
        }
}

static void a5_tokens_without_a_service_have_no_effect(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded,
                  "{" AZURE
                  ", \"APPLICATIONINSIGHTS_AUTHENTICATION_STRING\": \"Authorization=AAD\"}");
        assert_counts(&loaded, 0, 0);
        assert_said(&loaded, "note: APPLICATIONINSIGHTS_AUTHENTICATION_STRING: has no effect");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a10_the_places_have_an_order),
                cmocka_unit_test(a10_a_key_alone_is_used_with_a_warning),
                cmocka_unit_test(a10_two_keys_are_no_mistake),
                cmocka_unit_test(a10_what_a_template_has_is_no_attempt),
                cmocka_unit_test(a10_what_is_malformed_is_a_mistake),
                cmocka_unit_test(a5_tokens_are_asked_for_in_microsoft_s_words),
                cmocka_unit_test(a5_tokens_without_a_service_have_no_effect),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
