// SPDX-License-Identifier: MIT
/* How the environment and the file go together, name by name. */
#include "support.h"
#include "support/network_places.h"

static const char file_text[] =
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"},\n"
        " \"Applications\": {\"Tracker\": {\"DtdlModelId\": \"dtmi:file:A;1\"},\n"
        "   \"tracker\": {\"DtdlModelId\": \"dtmi:file:B;1\"},\n"
        "   \"pump\": {\"DtdlModelId\": \"dtmi:file:C;1\"}},\n"
        " \"Methods\": {\"PUMP\": {\"Port\": 5}, \"open\": {\"Port\": 6}}},\n"
        " \"WebhookKeys\": [\"first-key-of-the-file\", \"second-key-of-the-file\"],\n"
        " \"Telemetry\": {\"Events\": [\"JoinAccept\", \"ServiceData\"]},\n"
        " \"Myriota\": {\"ApiToken\": {\"File\": \"/nowhere/token\"}}}";

/*
 * The file wants a secret that is not there, so each test says it in the environment. Its two
 * applications whose names differ in case only are worth a warning each time.
 */
static void load_with(struct loaded *loaded, char *variable, char *other)
{
        char *environment[] = {VARIABLE("MYRIOTA__APITOKEN=token-of-the-environment"), variable,
                               variable ? other : NULL, NULL};

        load_text_as(loaded, "test.json", file_text, environment);
}

static const char *model_of(const struct loaded *loaded, const char *application)
{
        return settings_application(&loaded->settings, application)->dtdl_model_id;
}

static void a_plain_value_takes_the_place_of_a_file_s_secret_file(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, NULL, NULL);
        assert_usable(&loaded);
        assert_text(loaded.settings.networks[MYRIOTA].api_key, "token-of-the-environment");
}

static void an_application_is_the_one_of_the_same_case_before_another(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("AzureIoT__Applications__tracker__DtdlModelId=dtmi:env:X;1"),
                  NULL);
        assert_usable(&loaded);
        assert_text(model_of(&loaded, "Tracker"), "dtmi:file:A;1");
        assert_text(model_of(&loaded, "tracker"), "dtmi:env:X;1");
        assert_int_equal(loaded.settings.application_count, 3);
}

static void an_application_is_not_mixed_up_with_a_method(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("AZUREIOT__APPLICATIONS__PUMP__DTDLMODELID=dtmi:env:X;1"),
                  VARIABLE("AzureIoT__Applications__OPEN__DtdlModelId=dtmi:env:Y;1"));
        assert_usable(&loaded);
        assert_text(model_of(&loaded, "pump"), "dtmi:env:X;1");
        /* A name that the file does not have stays as it is. */
        assert_text(model_of(&loaded, "OPEN"), "dtmi:env:Y;1");
}

static void a_method_is_found_in_any_case(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("AzureIoT__Methods__OPEN__Port=7"),
                  VARIABLE("AzureIoT__Methods__Open__Confirmed=True"));
        assert_usable(&loaded);
        assert_int_equal(loaded.settings.azure.method_count, 2);
        assert_int_equal(settings_method(&loaded.settings, NULL, "open")->port, 7);
        assert_true(settings_method(&loaded.settings, NULL, "open")->confirmed);
}

static void a_member_of_a_list_is_replaced_or_added_in_order(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;

        (void)state;
        load_with(&loaded, VARIABLE("WebhookKeys__7=eighth-key-of-the-environment"),
                  VARIABLE("webhookkeys__0=first-key-of-the-environment"));
        assert_usable(&loaded);
        assert_int_equal(settings->webhook_key_count, 3);
        assert_text(settings->webhook_keys[0].key, "first-key-of-the-environment");
        assert_text(settings->webhook_keys[1].key, "second-key-of-the-file");
        assert_text(settings->webhook_keys[2].key, "eighth-key-of-the-environment");
}

static void a_whole_list_takes_the_place_of_the_file_s(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("WebhookKeys=only-key-of-the-environment"),
                  VARIABLE("Telemetry__Events=LocationSolved"));
        assert_usable(&loaded);
        assert_int_equal(loaded.settings.webhook_key_count, 1);
        assert_text(loaded.settings.webhook_keys[0].key, "only-key-of-the-environment");
        assert_int_equal(loaded.settings.telemetry.events, 1 << EVENT_LOCATION_SOLVED);
}

static void an_empty_variable_brings_the_default_back(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("AzureIoT__Applications__pump__DtdlModelId="), NULL);
        assert_usable(&loaded);
        assert_non_null(settings_application(&loaded.settings, "Tracker"));
        assert_null(settings_application(&loaded.settings, "pump")->dtdl_model_id);
}

static void colons_separate_as_two_underscores_do(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("Log:Level=Warning"), NULL);
        assert_int_equal(loaded.settings.log.level, LOG_LEVEL_WARN);
}

static void other_programs_variables_are_passed_over_in_silence(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("Logging__LogLevel__Default=Debug"), VARIABLE("A__B=c"));
        assert_int_equal(loaded.report.count, 1);
        loaded_free(&loaded);
        load_with(&loaded, VARIABLE("AzureIoT=x"), VARIABLE("Application=x"));
        assert_int_equal(loaded.report.count, 1);
}

static void an_unknown_name_below_a_known_one_is_warned_of(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("AzureIoT__AmqpProt=1"), NULL);
        assert_counts(&loaded, 0, 2);
        assert_said(&loaded, "environment variable AzureIoT__AmqpProt: warning: "
                             "AzureIoT.AmqpProt: there is no such setting, it has no effect; did "
                             "you mean 'AmqpPort'?");
}

static void two_variables_for_one_setting_are_a_mistake(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_with(&loaded, VARIABLE("Log__Level=Debug"), VARIABLE("LOG__LEVEL=Error"));
        assert_counts(&loaded, 1, 1);
        assert_said(&loaded, "environment variable LOG__LEVEL: LOG.LEVEL: this setting is given "
                             "twice, also at environment variable Log__Level");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plain_value_takes_the_place_of_a_file_s_secret_file),
                cmocka_unit_test(an_application_is_the_one_of_the_same_case_before_another),
                cmocka_unit_test(an_application_is_not_mixed_up_with_a_method),
                cmocka_unit_test(a_method_is_found_in_any_case),
                cmocka_unit_test(a_member_of_a_list_is_replaced_or_added_in_order),
                cmocka_unit_test(a_whole_list_takes_the_place_of_the_file_s),
                cmocka_unit_test(an_empty_variable_brings_the_default_back),
                cmocka_unit_test(colons_separate_as_two_underscores_do),
                cmocka_unit_test(other_programs_variables_are_passed_over_in_silence),
                cmocka_unit_test(an_unknown_name_below_a_known_one_is_warned_of),
                cmocka_unit_test(two_variables_for_one_setting_are_a_mistake),
        };

        return cmocka_run_group_tests_name("conf.environment", tests, NULL, NULL);
}
