// SPDX-License-Identifier: MIT
/* Storage queues: the earlier connectors' settings, our own, and what is wrong with them. */
#include <time.h>

#include "base/mem.h"
#include "support.h"

#define AZURE      "\"AzureIoT\": {\"AzureIoTHub\": {\"ConnectionString\": \"" HUB_STRING "\"}}"
#define KEY_STRING "AccountName=contoso;AccountKey=" HUB_KEY
#define SAS_STRING(query)                                                                          \
        "QueueEndpoint=https://contoso.queue.core.windows.net;SharedAccessSignature=" query
#define FORMATTERS(query)                                                                          \
        "\"PayloadFormatters\": {\"UplinkContainer\": \"uplink\"}, "                               \
        "\"ConnectionStrings\": {\"PayloadFormattersStorage\": "                                   \
        "\"BlobEndpoint=https://contoso.blob.core.windows.net;SharedAccessSignature=" query "\"}"

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

/* A text of so many days from now, as signatures have it. */
static void write_end(int days, char text[32])
{
        time_t end = time(NULL) + (time_t)days * 24 * 60 * 60 + 60 * 60;
        struct tm parts;

        gmtime_r(&end, &parts);
        strftime(text, 32, "%Y-%m-%dT%H:%M:00Z", &parts);
}

static void S14_a_signature_that_ends_soon_is_warned_of_with_its_date(void **state)
{
        static const struct {
                int days;
                size_t warnings;
        } cases[] = {{29, 1}, {31, 0}};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(mem_cleanup) char *text = NULL;
                CLEANUP(mem_cleanup) char *said = NULL;
                char end[32];

                write_end(cases[i].days, end);
                text = mem_format("{" AZURE ", \"Queues\": {\"farm\": {\"ConnectionString\": "
                                  "\"" SAS_STRING("sv=1&se=%s&sp=rap&sig=hush") "\"}}}",
                                  end);
                load_text(&loaded, text);
                assert_counts(&loaded, 0, cases[i].warnings);
                said = mem_format("ends on %s, in %d days", end, cases[i].days);
                if (cases[i].warnings > 0)
                        assert_said(&loaded, said);
        }
}

static void S14_a_signature_of_an_account_must_be_for_queues_and_what_is_in_them(void **state)
{
        static const struct {
                const char *sas;
                const char *said; /* NULL = nothing */
        } cases[] = {{"sv=1&ss=bq&srt=sco&sp=rap&sig=hush", NULL},
                     {"sv=1&ss=q&srt=o&sp=rap&sig=hush", "is not for containers and objects"},
                     {"sv=1&ss=b&srt=co&sp=rap&sig=hush", "is not for this service (ss=q)"}};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(mem_cleanup)
                char *text = mem_format("{" AZURE ", \"Queues\": {\"farm\": {\"ConnectionString\": "
                                        "\"" SAS_STRING("%s") "\"}}}",
                                        cases[i].sas);

                load_text(&loaded, text);
                assert_counts(&loaded, 0, cases[i].said ? 1 : 0);
                if (cases[i].said)
                        assert_said(&loaded, cases[i].said);
        }
}

/* The same of the account whose containers hold formatters. */
static void S14_a_signature_of_formatters_must_read_and_list(void **state)
{
        CLEANUP(loaded_free) struct loaded good;
        CLEANUP(loaded_free) struct loaded poor;

        (void)state;
        load_text(&good, "{" AZURE ", " FORMATTERS("sv=1&sr=c&sp=rl&sig=hush") "}");
        assert_counts(&good, 0, 0);
        load_text(&poor, "{" AZURE ", " FORMATTERS("sv=1&sr=c&sp=r&se=2023-01-02&sig=hush") "}");
        assert_counts(&poor, 2, 0);
        assert_said(&poor, "has ended on 2023-01-02T00:00:00Z");
        assert_said(&poor, "lacks the right 'list'");
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
        assert_int_equal(settings->storage_queue_count, 3);
        assert_null(settings_queue_service(settings, &settings->storage_queues[0]));
        assert_int_equal(settings->storage_queues[0].settlement, SETTINGS_QUEUE_ACCEPTED);
        assert_text(settings->storage_queues[1].name, "herd");
        assert_text(settings_queue_service(settings, &settings->storage_queues[1]),
                    "https://contoso.queue.core.windows.net");
        assert_text(settings_queue_service(settings, &settings->storage_queues[2]),
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
                cmocka_unit_test(S14_a_signature_that_ends_soon_is_warned_of_with_its_date),
                cmocka_unit_test(
                        S14_a_signature_of_an_account_must_be_for_queues_and_what_is_in_them),
                cmocka_unit_test(S14_a_signature_of_formatters_must_read_and_list),
                cmocka_unit_test(app_service_s_connection_strings_are_read_from_the_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
