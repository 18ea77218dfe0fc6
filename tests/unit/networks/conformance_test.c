// SPDX-License-Identifier: MIT
/*
 * What every network must keep, run over every row of the table with the golden samples of
 * tests/data/NETWORK: NAME.json (a webhook's body), NAME.path (what followed the route, if
 * anything did), NAME.expect (what becomes of it). With the variable NETWORKS_WRITE_EXPECT set,
 * the expectations are written instead of checked; read the difference before you keep it.
 */
#include <dirent.h>

#include "base/text.h"
#include "base/utf8.h"
#include "networks/event_record.h"
#include "support/mutate_json.h"
#include "unit/networks/render.h"

#define DATA TEST_PROJECT "/tests/data/"

struct sample {
        const char *network;
        char *name; /* without ".json" */
        char *path;
        struct buf body;
};

struct sample_list {
        struct sample *samples;
        size_t count;
};

static char *sample_file(const struct sample *sample, const char *extension)
{
        return mem_format(DATA "%s/%s.%s", sample->network, sample->name, extension);
}

static void load_sample(struct sample *sample)
{
        CLEANUP(mem_cleanup) char *body = sample_file(sample, "json");
        CLEANUP(mem_cleanup) char *path = sample_file(sample, "path");
        CLEANUP(buf_deinit) struct buf rest = BUF_INIT;

        assert_true(support_read_file(body, &sample->body));
        if (support_read_file(path, &rest) && rest.size > 0 && rest.data[rest.size - 1] == '\n')
                rest.data[rest.size - 1] = '\0';
        sample->path = mem_text(buf_text(&rest));
}

static int is_sample(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static struct sample_list load_samples(const char *network)
{
        CLEANUP(mem_cleanup) char *directory = mem_format(DATA "%s", network);
        struct dirent **entries = NULL;
        int count = scandir(directory, &entries, is_sample, alphasort);
        struct sample_list list = {
                .samples = mem_new((size_t)(count > 0 ? count : 1), sizeof(*list.samples))};

        if (count <= 0)
                fail_msg("the network %s has no samples in %s", network, directory);
        for (int i = 0; i < count; i++) {
                struct sample *sample = &list.samples[list.count++];

                sample->network = network;
                sample->name = mem_text_n(entries[i]->d_name, strlen(entries[i]->d_name) - 5);
                load_sample(sample);
                free(entries[i]);
        }
        free(entries);
        return list;
}

static void sample_list_deinit(struct sample_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                free(list->samples[i].name);
                free(list->samples[i].path);
                buf_deinit(&list->samples[i].body);
        }
        free(list->samples);
}

static struct trial try_sample(const struct sample *sample)
{
        return trial_bytes(sample->network, sample->path, sample->body.data, sample->body.size);
}

/* Calls `check` with every sample of every network. */
static void each_sample(void (*check)(const struct sample *sample))
{
        for (size_t i = 0; networks[i]; i++) {
                CLEANUP(sample_list_deinit)
                struct sample_list list = load_samples(networks[i]->name);

                for (size_t k = 0; k < list.count; k++)
                        check(&list.samples[k]);
        }
}

/* --- the golden samples ----------------------------------------------------------------- */

static void check_golden(const struct sample *sample)
{
        CLEANUP(mem_cleanup) char *path = sample_file(sample, "expect");
        CLEANUP(buf_deinit) struct buf expected = BUF_INIT;
        CLEANUP(buf_deinit) struct buf found = BUF_INIT;
        struct trial trial = try_sample(sample);

        render_trial(&found, &trial);
        trial_deinit(&trial);
        if (getenv("NETWORKS_WRITE_EXPECT")) {
                FILE *file = fopen(path, "wb");

                assert_non_null(file);
                assert_int_equal(fwrite(found.data, 1, found.size, file), found.size);
                fclose(file);
                return;
        }
        if (!support_read_file(path, &expected))
                fail_msg("%s is missing; see docs/adding-a-network.md", path);
        if (strcmp(buf_text(&expected), buf_text(&found)) != 0)
                fail_msg("%s/%s.json: expected\n%s\nfound\n%s", sample->network, sample->name,
                         buf_text(&expected), buf_text(&found));
}

static void golden_samples_become_what_is_expected(void **state)
{
        (void)state;
        each_sample(check_golden);
}

static void every_network_shows_every_answer(void **state)
{
        (void)state;
        for (size_t i = 0; networks[i]; i++) {
                CLEANUP(sample_list_deinit)
                struct sample_list list = load_samples(networks[i]->name);
                size_t answers[3] = {0, 0, 0};

                for (size_t k = 0; k < list.count; k++) {
                        struct trial trial = try_sample(&list.samples[k]);

                        assert_in_range(trial.result, 0, 2);
                        answers[trial.result]++;
                        trial_deinit(&trial);
                }
                for (size_t k = 0; k < ARRAY_SIZE(answers); k++) {
                        if (answers[k] == 0)
                                fail_msg("no sample of %s is %s", networks[i]->name,
                                         render_answer((int)k));
                }
        }
}

static void names_and_routes_are_well_formed_and_unique(void **state)
{
        (void)state;
        assert_non_null(networks[0]);
        for (size_t i = 0; networks[i]; i++) {
                assert_true(networks[i]->name[0] != '\0');
                assert_int_equal(strspn(networks[i]->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                                 strlen(networks[i]->name));
                assert_int_equal(networks[i]->route[0], '/');
                assert_int_not_equal(networks[i]->route[strlen(networks[i]->route) - 1], '/');
                assert_non_null(networks[i]->parse);
                assert_non_null(networks[i]->telemetry);
                assert_non_null(networks[i]->payload);
                for (size_t k = 0; k < i; k++) {
                        assert_string_not_equal(networks[i]->name, networks[k]->name);
                        assert_string_not_equal(networks[i]->route, networks[k]->route);
                }
        }
}

/* --- what holds for everything that may come in ----------------------------------------- */

static void assert_json_object(const char *text, size_t size)
{
        struct reason reason = REASON_INIT;
        struct json_object *object =
                json_parse(text, size, NETWORK_JSON_DEPTH + 2, JSON_STRICT, &reason);

        if (!json_object_is_type(object, json_type_object))
                fail_msg("%s: %.*s", reason.text, (int)size, text);
        json_object_put(object);
}

static void check_telemetry(const struct event *event)
{
        static const struct telemetry_options options[] = {
                {.payload_decoded_member = false},
                {.payload_decoded_member = true, .times_without_zone = true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                struct telemetry telemetry = TELEMETRY_INIT;
                struct reason reason = REASON_INIT;

                if (network_by_name(event->network)
                            ->telemetry(event, NULL, &options[i], &telemetry, &reason) == 0) {
                        assert_json_object(telemetry.body.data, telemetry.body.size);
                        assert_true(telemetry.property_count > 0);
                } else {
                        assert_true(reason.text[0] != '\0');
                }
                telemetry_deinit(&telemetry);
        }
}

/* Bytes for a formatter, or a reason; never more of them than there are characters. */
static void check_payload(const struct event *event)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (network_by_name(event->network)->payload(event, &bytes, &reason) != 0) {
                assert_true(reason.text[0] != '\0');
                assert_int_equal(bytes.size, 0);
        } else {
                assert_in_range(bytes.size, 0, event->payload ? strlen(event->payload) : 0);
        }
}

static void decode(const struct buf *record, struct event *event)
{
        struct reason reason = REASON_INIT;

        if (event_decode(record->data, record->size, event, &reason) != 0)
                fail_msg("%s: %s", reason.text, record->data);
}

/* What is read is what was written; JSON within it may be escaped in another way. */
static void check_record(const struct event *event)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        CLEANUP(buf_deinit) struct buf second = BUF_INIT;
        CLEANUP(buf_deinit) struct buf third = BUF_INIT;
        struct event decoded;
        struct event again;

        event_encode(event, &record);
        decode(&record, &decoded);
        event_encode(&decoded, &second);
        decode(&second, &again);
        event_encode(&again, &third);
        assert_string_equal(second.data, third.data);
        assert_int_equal(decoded.kind, event->kind);
        assert_string_equal(decoded.message_id, event->message_id);
        assert_string_equal(decoded.application, event->application);
        assert_string_equal(decoded.device, event->device);
        assert_true(text_equal(decoded.dev_eui, event->dev_eui));
        assert_true(text_equal(decoded.payload, event->payload));
        assert_true(decoded.time_ns == event->time_ns && decoded.port == event->port);
        assert_true(!decoded.decoded == !event->decoded && !decoded.details == !event->details);
        event_deinit(&decoded);
        event_deinit(&again);
}

static void check_event(const char *network, const struct event *event)
{
        assert_string_equal(event->network, network);
        assert_int_equal(strlen(event->message_id), CRYPTO_UUID_SIZE - 1);
        assert_false(text_is_empty(event->application));
        assert_false(text_is_empty(event->device));
        assert_true(event_time_is_valid(event->time_ns));
        if (event->decoded)
                assert_json_object(event->decoded, strlen(event->decoded));
        if (event->details)
                assert_json_object(event->details, strlen(event->details));
        check_record(event);
        check_payload(event);
        check_telemetry(event);
}

static void check_trial(const char *network, const struct trial *trial)
{
        assert_in_range(trial->result, 0, 2);
        if (trial->result == NETWORK_E_MALFORMED)
                assert_true(trial->reason.text[0] != '\0');
        assert_int_equal(trial->result == 0, trial->events.count > 0);
        assert_true(utf8_is_valid(trial->reason.text, strlen(trial->reason.text)));
        for (size_t i = 0; i < trial->events.count; i++)
                check_event(network, &trial->events.events[i]);
}

static void assert_same_ids(const struct trial *a, const struct trial *b)
{
        assert_int_equal(a->result, b->result);
        assert_int_equal(a->events.count, b->events.count);
        for (size_t i = 0; i < a->events.count; i++)
                assert_string_equal(a->events.events[i].message_id, b->events.events[i].message_id);
}

static void check_repeated(const struct sample *sample)
{
        struct trial first = try_sample(sample);
        struct trial again = try_sample(sample);
        struct webhook later = {.path = sample->path,
                                .body = sample->body.data,
                                .body_size = sample->body.size,
                                .maximum_values = JSON_VALUES_USUAL,
                                .arrived_ns = SUPPORT_ARRIVED_NS + 72 * 60 * CLOCK_NS_PER_S};
        struct trial retry = {.events = EVENT_LIST_INIT};

        retry.result =
                network_by_name(sample->network)->parse(&later, &retry.events, &retry.reason);
        check_trial(sample->network, &first);
        assert_same_ids(&first, &again);
        assert_same_ids(&first, &retry);
        trial_deinit(&first);
        trial_deinit(&again);
        trial_deinit(&retry);
}

static void the_same_bytes_have_the_same_ids_at_every_retry(void **state)
{
        (void)state;
        each_sample(check_repeated);
}

/* --- bad input -------------------------------------------------------------------------- */

struct mutation {
        const struct sample *sample;
        struct trial good;
        size_t count;
};

static void take_mutation(struct mutate_sink *sink, const char *body, size_t size, bool same)
{
        struct mutation *mutation = sink->context;
        const struct sample *sample = mutation->sample;
        struct trial trial = trial_bytes(sample->network, sample->path, body, size);

        check_trial(sample->network, &trial);
        if (same)
                assert_same_ids(&mutation->good, &trial);
        trial_deinit(&trial);
        mutation->count++;
}

static void check_mutations(const struct sample *sample)
{
        struct mutation mutation = {.sample = sample, .good = try_sample(sample)};
        struct mutate_sink sink = {.take = take_mutation, .context = &mutation};

        mutate_truncate(sample->body.data, sample->body.size, 200, &sink);
        mutate_bytes(sample->body.data, sample->body.size, 200, &sink);
        mutate_members(sample->body.data, sample->body.size, &sink);
        assert_true(mutation.count > 50);
        trial_deinit(&mutation.good);
}

static void broken_samples_are_answered_with_a_reason(void **state)
{
        (void)state;
        each_sample(check_mutations);
}

static void nonsense_is_malformed(void **state)
{
        static const char *const bodies[] = {
                "",   " ",    "null",    "true", "5",        "\"x\"", "[]",
                "{}", "{}{}", "[[[[[[]", "\xff", "{\"\":1}", "a=b&c", "<xml/>",
        };

        (void)state;
        for (size_t i = 0; networks[i]; i++) {
                for (size_t k = 0; k < ARRAY_SIZE(bodies); k++) {
                        struct trial trial = trial_text(networks[i]->name, bodies[k]);

                        assert_int_equal(trial.result, NETWORK_E_MALFORMED);
                        check_trial(networks[i]->name, &trial);
                        trial_deinit(&trial);
                }
        }
}

static void zero_bytes_and_deep_nesting_are_malformed(void **state)
{
        CLEANUP(buf_deinit) struct buf deep = BUF_INIT;

        (void)state;
        for (int i = 0; i < 10000; i++)
                buf_add_text(&deep, "{\"a\":");
        for (size_t i = 0; networks[i]; i++) {
                struct trial trial = trial_bytes(networks[i]->name, "", "{}\0{}", 5);

                assert_int_equal(trial.result, NETWORK_E_MALFORMED);
                trial_deinit(&trial);
                trial = trial_bytes(networks[i]->name, "", deep.data, deep.size);
                assert_int_equal(trial.result, NETWORK_E_MALFORMED);
                trial_deinit(&trial);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden_samples_become_what_is_expected),
                cmocka_unit_test(every_network_shows_every_answer),
                cmocka_unit_test(names_and_routes_are_well_formed_and_unique),
                cmocka_unit_test(the_same_bytes_have_the_same_ids_at_every_retry),
                cmocka_unit_test(broken_samples_are_answered_with_a_reason),
                cmocka_unit_test(nonsense_is_malformed),
                cmocka_unit_test(zero_bytes_and_deep_nesting_are_malformed),
        };

        return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
