// SPDX-License-Identifier: MIT
/* WebhookKeys: keys for everything, and keys that are for some applications or networks. */
#include "support.h"

#include "base/json/json.h"

#define KEY_A "key-a-for-tests.SECRET"
#define KEY_B "key-b-for-tests.SECRET"
#define KEY_C "key-c-for-tests.SECRET"

/* A usable configuration with these keys; they stand in line 2. */
#define WITH_KEYS(keys)                                                                            \
        "{\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}},\n"          \
        "\"WebhookKeys\": " keys "}"

static void a_key_may_be_for_some_applications_and_networks(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings_webhook_key *keys;

        (void)state;
        load_text(&loaded, WITH_KEYS("[\"" KEY_A "\", {\"key\": \"" KEY_B "\", \"Applications\": "
                                     "[\"Herd\", \"field\"], \"Networks\": [\"myriota\"]}]"));
        assert_usable(&loaded);
        assert_counts(&loaded, 0, 0);
        keys = loaded.settings.webhook_keys;
        assert_int_equal(loaded.settings.webhook_key_count, 2);
        assert_text(keys[0].key, KEY_A);
        assert_int_equal(keys[0].applications.count + keys[0].networks.count, 0);
        assert_text(keys[1].key, KEY_B);
        assert_int_equal(keys[1].applications.count, 2);
        assert_text(keys[1].applications.texts[0], "Herd");
        assert_text(keys[1].applications.texts[1], "field");
        assert_text(keys[1].networks.texts[0], "myriota");
}

static void the_environment_changes_a_key_and_not_what_it_is_for(void **state)
{
        char *environment[] = {VARIABLE("WebhookKeys__0=" KEY_B),
                               VARIABLE("WebhookKeys__1__Key__Env=C"), VARIABLE("C=" KEY_C),
                               VARIABLE("WebhookKeys__1__Applications=yard"), NULL};
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings_webhook_key *keys;

        (void)state;
        load_text_as(&loaded, "test.json",
                     WITH_KEYS("[{\"Key\": \"" KEY_A "\", \"Applications\": [\"herd\"]}, "
                               "{\"Applications\": [\"field\", \"fold\"]}]"),
                     environment);
        assert_usable(&loaded);
        keys = loaded.settings.webhook_keys;
        assert_int_equal(loaded.settings.webhook_key_count, 2);
        assert_text(keys[0].key, KEY_B);
        assert_text(keys[0].applications.texts[0], "herd");
        assert_text(keys[1].key, KEY_C);
        assert_int_equal(keys[1].applications.count, 1);
        assert_text(keys[1].applications.texts[0], "yard");
}

static void a_list_of_the_environment_leaves_nothing_of_the_file_s(void **state)
{
        char *environment[] = {VARIABLE("WebhookKeys=" KEY_C), NULL};
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text_as(&loaded, "test.json",
                     WITH_KEYS("[{\"Key\": \"" KEY_A "\", \"Applications\": [\"herd\"]}, "
                               "{\"Key\": \"" KEY_B "\", \"Networks\": [\"myriota\"]}]"),
                     environment);
        assert_usable(&loaded);
        assert_int_equal(loaded.settings.webhook_key_count, 1);
        assert_text(loaded.settings.webhook_keys[0].key, KEY_C);
        assert_int_equal(loaded.settings.webhook_keys[0].applications.count, 0);
}

/* Each of these could let somebody send more than was meant. */
static void what_could_mean_too_much_is_a_mistake(void **state)
{
        static const struct {
                const char *text;
                const char *said;
        } cases[] = {
                {WITH_KEYS("[{\"Key\": \"" KEY_A "\", \"Applications\": []}]"),
                 "WebhookKeys.0.Applications: this is empty; what is left out means all"},
                {WITH_KEYS("[{\"Key\": \"" KEY_A "\", \"Applications\": \"\"}]"),
                 "WebhookKeys.0.Applications: this list is empty"},
                {WITH_KEYS("[{\"Key\": \"" KEY_A "\", \"Networks\": [\"lorawan\"]}]"),
                 "WebhookKeys.0.Networks.0: there is no network 'lorawan'; there are things-stack, "
                 "myriota"},
                {WITH_KEYS("[{\"Key\": \"" KEY_A "\", \"Application\": [\"herd\"]}]"),
                 "WebhookKeys.0.Application: there is no such member; did you mean "
                 "'Applications'?"},
                {WITH_KEYS("[{\"Applications\": [\"herd\"]}]"),
                 "WebhookKeys.0.Key: the key itself is missing"},
                {WITH_KEYS("[{}]"), "WebhookKeys.0: this is empty"},
                {WITH_KEYS("{\"herd\": {\"Key\": \"" KEY_A "\"}}"), "WebhookKeys.herd"},
                {WITH_KEYS("{\"herd\": {}}"), "WebhookKeys.herd: there is no such member"},
                {WITH_KEYS("[[\"" KEY_A "\"]]"), "WebhookKeys.0: this must be one value, not a "
                                                 "list in [ ]"},
                {WITH_KEYS("[\"" KEY_A "\", {\"Key\": \"" KEY_A "\", \"Applications\": [\"a\"]}]"),
                 "WebhookKeys.1.Key: the same key is in this list twice, also as 0"},
                {WITH_KEYS("[{\"Key\": {\"Env\": \"NONE\"}, \"Applications\": [\"a\"]}]"),
                 "WebhookKeys.0.Key.Env: the environment variable NONE is not set"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, cases[i].text);
                assert_said(&loaded, cases[i].said);
                assert_counts(&loaded, 1, 0);
                assert_not_said(&loaded, "SECRET");
        }
}

static void a_short_key_is_warned_about_where_it_stands(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, WITH_KEYS("[\"" KEY_A "\",\n{\"Key\": \"short\", \"Networks\": "
                                     "[\"myriota\"]}]"));
        assert_counts(&loaded, 0, 1);
        assert_said(&loaded, "test.json:3:9: warning: WebhookKeys.1.Key: this key has fewer");
}

static void keys_are_masked_and_what_they_are_for_is_shown(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *root = NULL;
        struct json_object *keys;
        struct json_object *second;

        (void)state;
        load_text(&loaded, WITH_KEYS("[\"" KEY_A "\", {\"Key\": \"" KEY_B "\", \"Applications\": "
                                     "[\"herd\"]}]"));
        conf_show(settings_schema(), &loaded.settings, &loaded.report, &shown);
        assert_null(strstr(buf_text(&shown), "SECRET"));
        root = json_parse(shown.data, shown.size, 16, JSON_STRICT, NULL);
        keys = json_member(root, "WebhookKeys");
        assert_int_equal(json_object_array_length(keys), 2);
        assert_text(json_object_get_string(json_object_array_get_idx(keys, 0)), "*** (line 2)");
        second = json_object_array_get_idx(keys, 1);
        assert_text(json_text_member(second, "Key"), "*** (line 2)");
        assert_text(json_object_get_string(json_member(second, "Applications")), "[ \"herd\" ]");
        assert_null(json_member(second, "Networks"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_may_be_for_some_applications_and_networks),
                cmocka_unit_test(the_environment_changes_a_key_and_not_what_it_is_for),
                cmocka_unit_test(a_list_of_the_environment_leaves_nothing_of_the_file_s),
                cmocka_unit_test(what_could_mean_too_much_is_a_mistake),
                cmocka_unit_test(a_short_key_is_warned_about_where_it_stands),
                cmocka_unit_test(keys_are_masked_and_what_they_are_for_is_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
