// SPDX-License-Identifier: MIT
/* Storage queues: the earlier connectors' settings, our own, and what is wrong with them. */
#include "base/mem.h"
#include "support.h"

#define AZURE      "\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}}"
#define KEY_STRING "AccountName=contoso;AccountKey=" HUB_KEY
#define SAS_STRING(query)                                                                          \
        "QueueEndpoint=https://contoso.queue.core.windows.net;SharedAccessSignature=" query

static const struct settings_storage_queue *only_queue(const struct loaded *loaded)
{
        assert_int_equal(loaded->settings.storage_queue_count, 1);
        return &loaded->settings.storage_queues[0];
}

static void the_earlier_connectors_queue_is_read_by_their_names(void **state)
{
        static const char *const files[] = {
                "{" AZURE ", \"UplinkQueueName\": \"uplink\", \"ConnectionStrings\": "
                "{\"UplinkQueueStorage\": \"" KEY_STRING "\"}}",
                "{" AZURE ", \"UplinkQueueName\": \"uplink\", \"UplinkQueueStorage\": \"" KEY_STRING
                "\"}",
                "{" AZURE ", \"UplinkQueueName\": \"uplink\", \"AzureWebJobsUplinkQueueStorage\": "
                "\"" KEY_STRING "\"}",
                "{" AZURE ", \"Application\": {\"QueueName\": \"uplink\"}, \"ConnectionStrings\": "
                "{\"UplinkQueueStorage\": \"" KEY_STRING "\"}}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                CLEANUP(loaded_free) struct loaded loaded;

                load_text(&loaded, files[i]);
                assert_counts(&loaded, 0, 0);
                assert_text(only_queue(&loaded)->name, "uplink");
                assert_null(only_queue(&loaded)->network);
                assert_int_equal(only_queue(&loaded)->maximum_polling_s, 10);
                assert_text(settings_queue_storage(&loaded.settings, only_queue(&loaded)),
                            KEY_STRING);
        }
}

static void queues_have_names_of_their_own_and_a_storage_in_common(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;

        (void)state;
        load_text(&loaded, "{" AZURE ", \"AzureWebJobsStorage\": \"UseDevelopmentStorage=true\", "
                           "\"Queues\": {\"farm\": {\"Network\": \"myriota\", \"Application\": "
                           "\"tracker\", \"Settle\": \"Stored\", \"MaximumPollingSeconds\": 60}, "
                           "\"herd\": {\"ConnectionString\": \"" KEY_STRING "\"}}}");
        assert_counts(&loaded, 0, 0);
        assert_int_equal(settings->storage_queue_count, 2);
        assert_text(settings->storage_queues[0].application, "tracker");
        assert_text(settings->storage_queues[0].network, "myriota");
        assert_int_equal(settings->storage_queues[0].maximum_polling_s, 60);
        assert_text(settings_queue_storage(settings, &settings->storage_queues[0]),
                    "UseDevelopmentStorage=true");
        assert_text(settings_queue_storage(settings, &settings->storage_queues[1]), KEY_STRING);
}

static void one_of_the_two_alone_is_a_note_that_names_the_other(void **state)
{
        CLEANUP(loaded_free) struct loaded name;
        CLEANUP(loaded_free) struct loaded storage;
        CLEANUP(loaded_free) struct loaded functions;

        (void)state;
        load_text(&name, "{" AZURE ", \"UplinkQueueName\": \"uplink\"}");
        assert_counts(&name, 0, 0);
        assert_said(&name, "note: UplinkQueueName: has no effect without "
                           "ConnectionStrings.UplinkQueueStorage");
        load_text(&storage, "{" AZURE ", \"UplinkQueueStorage\": \"" KEY_STRING "\"}");
        assert_counts(&storage, 0, 0);
        assert_said(&storage, "has no effect without UplinkQueueName");
        load_text(&functions, "{" AZURE ", \"AzureWebJobsStorage\": \"...\"}");
        assert_counts(&functions, 0, 0);
        assert_int_equal(functions.settings.storage_queue_count, 0);
}

static void a_placeholder_is_no_attempt_to_connect(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{" AZURE ", \"UplinkQueueName\": \"...\", \"ConnectionStrings\": "
                           "{\"UplinkQueueStorage\": \"...\"}}");
        assert_counts(&loaded, 0, 0);
        assert_said(&loaded, "note: ConnectionStrings.UplinkQueueStorage: has no effect: this is "
                             "still a placeholder");
        assert_int_equal(loaded.settings.storage_queue_count, 0);
}

static void S1_what_can_t_be_a_storage_account_is_a_mistake(void **state)
{
        static const struct {
                const char *queue;
                const char *said;
        } cases[] = {
                {"\"farm\": {\"ConnectionString\": \"AccountName=contoso\"}",
                 "Queues.farm.ConnectionString: AccountKey is missing"},
                {"\"farm\": {\"Network\": \"myriota\"}", "UplinkQueueStorage is missing too"},
                {"\"Farm_1\": {\"ConnectionString\": \"" KEY_STRING "\"}", "'Farm_1' is no name"},
                {"\"farm\": {\"ConnectionString\": \"" KEY_STRING "\", \"Network\": \"sigfox\"}",
                 "Queues.farm.Network"},
                {"\"farm\": {\"ConnectionString\": "
                 "\"BlobEndpoint=https://c.blob.core.windows.net;SharedAccessSignature=sig=a\"}",
                 "QueueEndpoint is missing"},
                {"\"farm\": {\"ConnectionString\": \"" KEY_STRING "\", \"Settle\": \"Sometimes\"}",
                 "Queues.farm.Settle"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(mem_cleanup)
                char *text = mem_format("{" AZURE ", \"Queues\": {%s}}", cases[i].queue);

                load_text(&loaded, text);
                assert_counts(&loaded, 1, 0);
                assert_said(&loaded, cases[i].said);
                assert_not_said(&loaded, HUB_KEY);
        }
}

static void S14_a_signature_that_has_ended_or_lacks_a_right_is_said(void **state)
{
        CLEANUP(loaded_free) struct loaded ended;
        CLEANUP(loaded_free) struct loaded poor;

        (void)state;
        load_text(&ended, "{" AZURE ", \"Queues\": {\"farm\": {\"ConnectionString\": \"" SAS_STRING(
                                  "sv=1&se=2023-01-02T03%3A04%3A05Z&sp=rap&sig=hush") "\"}}}");
        assert_counts(&ended, 1, 0);
        assert_said(&ended, "has ended");
        assert_not_said(&ended, "hush");
        load_text(&poor, "{" AZURE ", \"Queues\": {\"farm\": {\"ConnectionString\": \"" SAS_STRING(
                                 "sv=1&sp=r&sig=hush") "\"}}}");
        assert_counts(&poor, 1, 1);
        assert_said(&poor, "lacks the right 'process'");
        assert_said(&poor, "lacks the right 'add'");
}

static void app_service_s_connection_strings_are_read_from_the_environment(void **state)
{
        static const char *const marks[] = {"CUSTOMCONNSTR_", "SQLCONNSTR_", "SQLAZURECONNSTR_",
                                            "MYSQLCONNSTR_", "POSTGRESQLCONNSTR_"};

        (void)state;
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(mem_cleanup)
                char *variable = mem_format("%sUplinkQueueStorage=" KEY_STRING, marks[i]);
                char *environment[] = {variable, NULL};

                load_text_as(&loaded, "test.json", "{" AZURE ", \"UplinkQueueName\": \"uplink\"}",
                             environment);
                assert_counts(&loaded, 0, 0);
                assert_text(settings_queue_storage(&loaded.settings, only_queue(&loaded)),
                            KEY_STRING);
        }
}

static void an_identity_opens_a_queue_in_the_words_of_functions(void **state)
{
        static const char *const names[] = {"UplinkQueueStorage", "AzureWebJobsUplinkQueueStorage",
                                            "ConnectionStrings__UplinkQueueStorage"};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                CLEANUP(loaded_free) struct loaded by_url;
                CLEANUP(loaded_free) struct loaded by_name;
                CLEANUP(mem_cleanup)
                char *url = mem_format("%s__queueServiceUri=https://contoso.queue.core.windows.net",
                                       names[i]);
                CLEANUP(mem_cleanup)
                char *credential = mem_format("%s__credential=managedidentity", names[i]);
                CLEANUP(mem_cleanup) char *client = mem_format("%s__clientId=1234", names[i]);
                CLEANUP(mem_cleanup) char *name = mem_format("%s__accountName=contoso", names[i]);
                char *with_url[] = {url, credential, client, NULL};
                char *with_name[] = {name, credential, NULL};
                const char *text = "{" AZURE ", \"UplinkQueueName\": \"uplink\"}";

                load_text_as(&by_url, "test.json", text, with_url);
                assert_counts(&by_url, 0, 0);
                assert_text(settings_queue_service(&by_url.settings, only_queue(&by_url)),
                            "https://contoso.queue.core.windows.net");
                assert_text(settings_queue_client(&by_url.settings, only_queue(&by_url)), "1234");
                load_text_as(&by_name, "test.json", text, with_name);
                assert_counts(&by_name, 0, 0);
                assert_text(settings_queue_service(&by_name.settings, only_queue(&by_name)),
                            "https://contoso.queue.core.windows.net");
        }
}

static void a_queue_s_own_way_comes_before_that_of_all(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct settings *settings = &loaded.settings;

        (void)state;
        load_text(&loaded,
                  "{" AZURE ", \"ConnectionStrings\": {\"UplinkQueueStorage\": {\"accountName\": "
                  "\"contoso\"}}, \"Queues\": {\"farm\": {\"ConnectionString\": \"" KEY_STRING
                  "\", \"Settle\": \"Accepted\"}, \"herd\": {}, \"bees\": {\"QueueServiceUri\": "
                  "\"https://bees.queue.core.windows.net/\", \"Network\": \"myriota\"}}}");
        assert_counts(&loaded, 0, 0);
        assert_int_equal(settings->storage_queue_count, 2);
        assert_null(settings_queue_service(settings, &settings->storage_queues[0]));
        assert_int_equal(settings->storage_queues[0].settlement, SETTINGS_QUEUE_ACCEPTED);
        assert_text(settings_queue_service(settings, &settings->storage_queues[1]),
                    "https://bees.queue.core.windows.net/");
}

static void a_key_that_a_vault_has_is_awaited(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;

        (void)state;
        load_text(&loaded, "{" AZURE ", \"UplinkQueueName\": \"uplink\", \"ConnectionStrings\": "
                           "{\"UplinkQueueStorage\": \"@Microsoft.KeyVault(VaultName=v;"
                           "SecretName=s)\"}}");
        assert_counts(&loaded, 0, 0);
        assert_text(settings_queue_storage(&loaded.settings, only_queue(&loaded)), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_earlier_connectors_queue_is_read_by_their_names),
                cmocka_unit_test(queues_have_names_of_their_own_and_a_storage_in_common),
                cmocka_unit_test(one_of_the_two_alone_is_a_note_that_names_the_other),
                cmocka_unit_test(an_identity_opens_a_queue_in_the_words_of_functions),
                cmocka_unit_test(a_queue_s_own_way_comes_before_that_of_all),
                cmocka_unit_test(a_key_that_a_vault_has_is_awaited),
                cmocka_unit_test(a_placeholder_is_no_attempt_to_connect),
                cmocka_unit_test(S1_what_can_t_be_a_storage_account_is_a_mistake),
                cmocka_unit_test(S14_a_signature_that_has_ended_or_lacks_a_right_is_said),
                cmocka_unit_test(app_service_s_connection_strings_are_read_from_the_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
