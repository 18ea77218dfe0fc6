// SPDX-License-Identifier: MIT
/* Which ways back, as webhooks name them, may be followed. */
#include "networks/downlink.h"
#include "networks/network.h"
#include "unit/networks/support.h"

#define GOOD_BASE    "https://eu1.cloud.thethings.network/api/v3/as/applications"
#define GOOD_DEVICE  GOOD_BASE "/orchard/webhooks/azure/devices/soil-04"
#define GOOD_PUSH    GOOD_DEVICE "/down/push"
#define GOOD_REPLACE GOOD_DEVICE "/down/replace"
#define TAIL         "/api/v3/as/applications/orchard/webhooks/azure/devices/soil-04/down/push"
#define KEY          "NNSXS.A-KEY"

struct headers {
        const char *push;
        const char *replace;
        const char *key;
};

static const char *find(const struct webhook *webhook, const char *name)
{
        const struct headers *headers = webhook->context;

        if (strcasecmp(name, "X-Downlink-Push") == 0)
                return headers->push;
        if (strcasecmp(name, "X-Downlink-Replace") == 0)
                return headers->replace;
        return strcasecmp(name, "X-Downlink-Apikey") == 0 ? headers->key : NULL;
}

static int ask_among(const char *const *names, size_t count, struct headers headers,
                     struct downlink_way *way, struct reason *reason)
{
        static char application[] = "orchard";
        static char device[] = "soil-04";
        struct webhook webhook = {.header = find, .context = &headers};
        struct event event = {.application = application, .device = device};

        return network_by_name("things-stack")
                ->downlink->way(&webhook, &event, &(struct downlink_hosts){names, count}, way,
                                reason);
}

static int ask(struct headers headers, struct downlink_way *way, struct reason *reason)
{
        static const char *const names[] = {".cloud.thethings.network", "tts.example:8885",
                                            "localhost:1885", "plain.example"};

        return ask_among(names, ARRAY_SIZE(names), headers, way, reason);
}

static void a_good_way_is_taken_apart(void **state)
{
        static const struct {
                const char *push;
                const char *replace;
                const char *base;
        } rows[] = {
                {GOOD_PUSH, GOOD_REPLACE, GOOD_BASE},
                {GOOD_PUSH, NULL, GOOD_BASE},
                {"https://tts.example:8885" TAIL, NULL,
                 "https://tts.example:8885/api/v3/as/applications"},
                {"https://plain.example:443" TAIL, NULL,
                 "https://plain.example:443/api/v3/as/applications"},
                {"HTTPS://TTS.Example:8885" TAIL, NULL,
                 "https://TTS.Example:8885/api/v3/as/applications"},
                {"http://localhost:1885" TAIL, NULL,
                 "http://localhost:1885/api/v3/as/applications"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
                struct reason reason = REASON_INIT;

                if (ask((struct headers){rows[i].push, rows[i].replace, KEY}, &way, &reason) != 0)
                        fail_msg("%s: %s", rows[i].push, reason.text);
                assert_string_equal(way.base_url, rows[i].base);
                assert_string_equal(way.webhook_id, "azure");
                assert_string_equal(way.api_key, KEY);
        }
}

static void what_is_not_told_is_no_way(void **state)
{
        static const struct headers rows[] = {
                {NULL, NULL, NULL},
                {GOOD_PUSH, GOOD_REPLACE, NULL},
                {GOOD_PUSH, GOOD_REPLACE, ""},
                {NULL, GOOD_REPLACE, KEY},
                {"", NULL, KEY},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
                struct reason reason = REASON_INIT;

                assert_int_equal(ask(rows[i], &way, &reason), DOWNLINK_E_NO_WAY);
                assert_string_equal(reason.text, "");
        }
}

static void a_hostile_way_is_refused(void **state)
{
        static const char *const urls[] = {
                /* hosts */
                "https://evil.example" TAIL,
                "https://cloud.thethings.network" TAIL,
                "https://evilcloud.thethings.network" TAIL,
                "https://.cloud.thethings.network" TAIL,
                "https://eu1..cloud.thethings.network" TAIL,
                "https://eu1.cloud.thethings.network." TAIL,
                "https://eu1.cloud.thethings.network.evil.example" TAIL,
                "https://eu1.cloud.thethings.network@evil.example" TAIL,
                "https://user:word@eu1.cloud.thethings.network" TAIL,
                "https://evil.example\\.cloud.thethings.network" TAIL,
                "https://evil.example#.cloud.thethings.network" TAIL,
                "https://evil.example?.cloud.thethings.network" TAIL,
                "https://evil.example%2f.cloud.thethings.network" TAIL,
                "https:///eu1.cloud.thethings.network" TAIL,
                "https://[::1]" TAIL,
                "https://127.0.0.1" TAIL,
                "https://2130706433" TAIL,
                "https://169.254.169.254" TAIL,
                "https://" TAIL,
                /* ports */
                "https://eu1.cloud.thethings.network:8443" TAIL,
                "https://eu1.cloud.thethings.network:" TAIL,
                "https://eu1.cloud.thethings.network:443x" TAIL,
                "https://eu1.cloud.thethings.network:0" TAIL,
                "https://eu1.cloud.thethings.network:65979" TAIL,
                "https://eu1.cloud.thethings.network:-443" TAIL,
                "https://tts.example" TAIL,
                "http://localhost" TAIL,
                /* schemes */
                "http://eu1.cloud.thethings.network" TAIL,
                "http://plain.example" TAIL,
                "ftp://eu1.cloud.thethings.network" TAIL,
                "file:///etc/passwd",
                "//eu1.cloud.thethings.network" TAIL,
                "eu1.cloud.thethings.network" TAIL,
                "x",
                /* paths */
                "https://eu1.cloud.thethings.network",
                "https://eu1.cloud.thethings.network/",
                GOOD_DEVICE "/down/replace",
                GOOD_PUSH "/",
                GOOD_PUSH "?x=1",
                GOOD_PUSH "#x",
                GOOD_BASE "/other/webhooks/azure/devices/soil-04/down/push",
                GOOD_BASE "/orchard/webhooks/azure/devices/soil-05/down/push",
                GOOD_BASE "/orchard/webhooks/azure/devices/soil-041/down/push",
                GOOD_BASE "/orchard/webhooks/azure/devices/SOIL-04/down/push",
                GOOD_BASE "/orchard/webhooks/azure/devices/soil%2D04/down/push",
                GOOD_BASE "/orchard/webhooks/azure/devices/x/../soil-04/down/push",
                GOOD_BASE "/orchard/webhooks//devices/soil-04/down/push",
                GOOD_BASE "/orchard/webhooks/../devices/soil-04/down/push",
                GOOD_BASE "/orchard/webhooks/a/b/devices/soil-04/down/push",
                GOOD_BASE "/orchard/webhooks/a%2Fb/devices/soil-04/down/push",
                GOOD_BASE "/orchard/devices/soil-04/down/push",
                "https://eu1.cloud.thethings.network/evil/api/v3/as/applications/orchard/webhooks/"
                "azure/devices/soil-04/down/push",
                /* characters */
                "https://eu1.cloud.thethings.network" TAIL " ",
                " https://eu1.cloud.thethings.network" TAIL,
                "https://eu1.cloud.thethings.network\r\nX: y" TAIL,
                "https://eu1.cloud.th\xc3\xa9things.network" TAIL,
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
                struct reason reason = REASON_INIT;

                if (ask((struct headers){urls[i], NULL, KEY}, &way, &reason) != DOWNLINK_E_BAD_WAY)
                        fail_msg("%s was followed", urls[i]);
                assert_non_null(strstr(reason.text, "X-Downlink-Push"));
                assert_null(strstr(reason.text, KEY));
                assert_null(way.api_key);
        }
}

static void both_must_lead_to_the_same_place(void **state)
{
        static const char *const urls[] = {
                "https://nam1.cloud.thethings.network/api/v3/as/applications/orchard/webhooks/"
                "azure/"
                "devices/soil-04/down/replace",
                GOOD_BASE "/orchard/webhooks/other/devices/soil-04/down/replace",
                GOOD_BASE "/orchard/webhooks/azure/devices/soil-05/down/replace",
                GOOD_PUSH,
                "https://evil.example/down/replace",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
                struct reason reason = REASON_INIT;

                assert_int_equal(ask((struct headers){GOOD_PUSH, urls[i], KEY}, &way, &reason),
                                 DOWNLINK_E_BAD_WAY);
                assert_non_null(strstr(reason.text, "X-Downlink-Replace"));
        }
}

static void a_key_is_one_line_of_printable_characters(void **state)
{
        CLEANUP(mem_cleanup) char *longest = mem_new(1, 300);
        const char *const keys[] = {"a b", "a\nb", "a\tb", "k\xc3\xa9y", longest};

        (void)state;
        memset(longest, 'k', 257);
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
                struct reason reason = REASON_INIT;

                assert_int_equal(ask((struct headers){GOOD_PUSH, NULL, keys[i]}, &way, &reason),
                                 DOWNLINK_E_BAD_WAY);
        }
}

static void without_allowed_hosts_there_is_no_way(void **state)
{
        CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
        static const char *const odd[] = {"", ".", "eu1.cloud.thethings.network:x"};
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(ask_among(NULL, 0, (struct headers){GOOD_PUSH, NULL, KEY}, &way, &reason),
                         DOWNLINK_E_BAD_WAY);
        assert_int_equal(ask_among(odd, ARRAY_SIZE(odd), (struct headers){GOOD_PUSH, NULL, KEY},
                                   &way, &reason),
                         DOWNLINK_E_BAD_WAY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_way_is_taken_apart),
                cmocka_unit_test(what_is_not_told_is_no_way),
                cmocka_unit_test(a_hostile_way_is_refused),
                cmocka_unit_test(both_must_lead_to_the_same_place),
                cmocka_unit_test(a_key_is_one_line_of_printable_characters),
                cmocka_unit_test(without_allowed_hosts_there_is_no_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
