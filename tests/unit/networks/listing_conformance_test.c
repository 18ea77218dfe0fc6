// SPDX-License-Identifier: MIT
/*
 * What the listing of every network must keep, run over every row of the table that has one, with
 * the samples of tests/data/NETWORK/listing: NAME.json (the body of an answer), NAME.expect (what
 * becomes of it). With the variable NETWORKS_WRITE_EXPECT set, the expectations are written instead
 * of checked; read the difference before you keep it.
 */
#include <dirent.h>

#include "base/text.h"
#include "base/utf8.h"
#include "support/mutate_json.h"
#include "unit/networks/support.h"

struct sample {
        const struct network *network;
        char *path; /* without ".json" */
        struct buf body;
};

struct reading {
        int result;
        struct device_list list;
        struct reason reason;
};

static struct reading read_bytes(const struct network *network, const char *body, size_t size)
{
        struct reading reading = {.list = DEVICE_LIST_INIT};

        reading.result = network->listing->read(NULL, body, size, &reading.list, &reading.reason);
        return reading;
}

static int is_sample(const struct dirent *entry)
{
        const char *dot = strrchr(entry->d_name, '.');

        return dot && strcmp(dot, ".json") == 0;
}

/* Calls `check` with every sample of every listing. */
static void each_sample(void (*check)(const struct sample *sample))
{
        for (size_t i = 0; networks[i]; i++) {
                CLEANUP(mem_cleanup)
                char *folder = mem_format(TEST_PROJECT "/tests/data/%s/listing", networks[i]->name);
                struct dirent **entries = NULL;
                int count =
                        networks[i]->listing ? scandir(folder, &entries, is_sample, alphasort) : 0;

                if (networks[i]->listing && count <= 0)
                        fail_msg("the listing of %s has no samples", networks[i]->name);
                for (int k = 0; k < count; k++) {
                        CLEANUP(mem_cleanup)
                        char *file = mem_format("%s/%s", folder, entries[k]->d_name);
                        struct sample sample = {.network = networks[i]};

                        assert_true(support_read_file(file, &sample.body));
                        sample.path = mem_text_n(file, strlen(file) - 5);
                        check(&sample);
                        free(sample.path);
                        buf_deinit(&sample.body);
                        free(entries[k]);
                }
                free(entries);
        }
}

/* --- the golden samples ------------------------------------------------------------------ */

static void render_line(struct buf *out, const char *name, const char *value)
{
        if (value)
                buf_add_format(out, "    %-18s %s\n", name, value);
}

static void render(struct buf *out, const struct reading *reading)
{
        static const char *const integrations[] = {NULL, "on", "off"};

        buf_add_text(out, reading->result == 0 ? "list\n" : "no list\n");
        render_line(out, "reason", reading->reason.text[0] ? reading->reason.text : NULL);
        render_line(out, "next", reading->list.next);
        for (size_t i = 0; i < reading->list.count; i++) {
                const struct listed_device *device = &reading->list.devices[i];

                buf_add_format(out, "\n%s\n", device->device);
                render_line(out, "dev_eui", device->dev_eui);
                render_line(out, "model_id", device->attributes.model_id);
                render_line(out, "uplink_formatter", device->attributes.uplink_formatter);
                render_line(out, "downlink_formatter", device->attributes.downlink_formatter);
                render_line(out, "integration", integrations[device->attributes.integration]);
                render_line(out, "remark", device->remark);
        }
}

static void check_golden(const struct sample *sample)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s.expect", sample->path);
        CLEANUP(buf_deinit) struct buf expected = BUF_INIT;
        CLEANUP(buf_deinit) struct buf found = BUF_INIT;
        struct reading reading = read_bytes(sample->network, sample->body.data, sample->body.size);

        render(&found, &reading);
        device_list_deinit(&reading.list);
        if (getenv("NETWORKS_WRITE_EXPECT")) {
                FILE *file = fopen(path, "wb");

                assert_non_null(file);
                assert_int_equal(fwrite(found.data, 1, found.size, file), found.size);
                fclose(file);
                return;
        }
        assert_true(support_read_file(path, &expected));
        if (strcmp(buf_text(&expected), buf_text(&found)) != 0)
                fail_msg("%s: expected\n%s\nfound\n%s", path, buf_text(&expected),
                         buf_text(&found));
}

static void golden_pages_become_what_is_expected(void **state)
{
        (void)state;
        each_sample(check_golden);
}

/* --- what holds for everything that may come in ------------------------------------------- */

static void check_reading(const struct reading *reading)
{
        assert_in_range(reading->result, 0, 1);
        assert_true(utf8_is_valid(reading->reason.text, strlen(reading->reason.text)));
        if (reading->result != 0)
                assert_true(reading->reason.text[0] != '\0');
        if (reading->list.next)
                assert_in_range(strlen(reading->list.next), 1, LISTING_PAGE_SIZE);
        for (size_t i = 0; i < reading->list.count; i++) {
                const struct listed_device *device = &reading->list.devices[i];

                assert_false(text_is_empty(device->device));
                assert_true(!device->dev_eui || device->dev_eui[0] != '\0');
                assert_true(!device->attributes.model_id || device->attributes.model_id[0] != '\0');
                assert_true(!device->remark ||
                            utf8_is_valid(device->remark, strlen(device->remark)));
        }
}

static void take_mutation(struct mutate_sink *sink, const char *body, size_t size, bool same)
{
        const struct sample *sample = sink->context;
        struct reading reading = read_bytes(sample->network, body, size);

        check_reading(&reading);
        if (same) {
                CLEANUP(buf_deinit) struct buf found = BUF_INIT;
                CLEANUP(buf_deinit) struct buf expected = BUF_INIT;
                struct reading good =
                        read_bytes(sample->network, sample->body.data, sample->body.size);

                render(&found, &reading);
                render(&expected, &good);
                assert_string_equal(buf_text(&found), buf_text(&expected));
                device_list_deinit(&good.list);
        }
        device_list_deinit(&reading.list);
}

static void check_mutations(const struct sample *sample)
{
        struct sample copy = *sample;
        struct mutate_sink sink = {.take = take_mutation, .context = &copy};

        mutate_truncate(sample->body.data, sample->body.size, 100, &sink);
        mutate_bytes(sample->body.data, sample->body.size, 100, &sink);
        mutate_members(sample->body.data, sample->body.size, &sink);
}

static void broken_pages_are_answered_with_a_reason(void **state)
{
        (void)state;
        each_sample(check_mutations);
}

static void nonsense_is_no_list(void **state)
{
        static const char *const bodies[] = {"",   " ",    "null", "true",   "5",
                                             "[]", "{}{}", "\xff", "<html>", "[[[[[[["};

        (void)state;
        for (size_t i = 0; networks[i]; i++) {
                for (size_t k = 0; networks[i]->listing && k < ARRAY_SIZE(bodies); k++) {
                        struct reading reading =
                                read_bytes(networks[i], bodies[k], strlen(bodies[k]));

                        assert_int_equal(reading.result, 1);
                        check_reading(&reading);
                        device_list_deinit(&reading.list);
                }
        }
}

/* --- requests ------------------------------------------------------------------------------ */

static const struct listing_access reach = {
        .base_url = "https://listing.example/base//",
        .api_key = "THE-KEY",
        .application = "an/application",
        .paging_parameter = "Next&Item",
        .page_size = 50,
};

/* A page's name comes from outside: it must stay one value of the query. */
static void requests_are_safe_urls_with_the_key_in_the_header_only(void **state)
{
        static const char *const pages[] = {NULL, "2", "../?a=b&c#d \r\nX: y", "\xc3\xa9%2F"};

        (void)state;
        for (size_t i = 0; networks[i]; i++) {
                for (size_t k = 0; networks[i]->listing && k < ARRAY_SIZE(pages); k++) {
                        CLEANUP(network_request_deinit)
                        struct network_request request = NETWORK_REQUEST_INIT;

                        networks[i]->listing->request(&reach, pages[k], &request);
                        assert_string_equal(request.method, "GET");
                        assert_int_equal(strncmp(request.url, "https://listing.example/base/", 29),
                                         0);
                        assert_true(request.url[30] != '/');
                        assert_int_equal(
                                strspn(request.url,
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_.~:/?&=%"),
                                strlen(request.url));
                        assert_null(strstr(request.url, "THE-KEY"));
                        assert_non_null(strstr(request.authorization, "THE-KEY"));
                        assert_int_equal(request.body.size, 0);
                }
        }
}

static void refusals_are_explained(void **state)
{
        static const int statuses[] = {301, 400, 401, 403, 404, 429, 500, 503};

        (void)state;
        for (size_t i = 0; networks[i]; i++) {
                for (size_t k = 0; networks[i]->listing && k < ARRAY_SIZE(statuses); k++) {
                        CLEANUP(mem_cleanup) char *number = mem_format("%d", statuses[k]);
                        struct reason reason = REASON_INIT;

                        networks[i]->listing->explain(statuses[k], "<html>", 6, &reason);
                        assert_non_null(strstr(reason.text, number));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden_pages_become_what_is_expected),
                cmocka_unit_test(broken_pages_are_answered_with_a_reason),
                cmocka_unit_test(nonsense_is_no_list),
                cmocka_unit_test(requests_are_safe_urls_with_the_key_in_the_header_only),
                cmocka_unit_test(refusals_are_explained),
        };

        return cmocka_run_group_tests_name("networks.listing_conformance", tests, NULL, NULL);
}
