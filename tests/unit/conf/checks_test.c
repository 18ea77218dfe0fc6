// SPDX-License-Identifier: MIT
/* Each rule for a value: what passes it, what does not, and which words explain that. */
#include "support.h"

#include "azure/endpoint.h"
#include "conf/checks.h"

struct value {
        const char *text;
        const char *words; /* NULL = good */
};

static void assert_judged(bool (*check)(const char *text, struct reason *reason),
                          const struct value *values, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct reason reason = REASON_INIT;
                bool good = check(values[i].text, &reason);

                if (good != !values[i].words)
                        fail_msg("'%s': %s", values[i].text, good ? "accepted" : reason.text);
                if (!good && !strstr(reason.text, values[i].words))
                        fail_msg("'%s': '%s' is not in '%s'", values[i].text, values[i].words,
                                 reason.text);
        }
}

static void addresses_to_listen_on(void **state)
{
        static const struct value values[] = {
                {"127.0.0.1:8080", NULL},
                {"[::1]:443", NULL},
                {":80", NULL},
                {"*:80", NULL},
                {"localhost:0", NULL},
                {"0.0.0.0:65535", NULL},
                {"127.0.0.1", "host:port"},
                {"8080", "host:port"},
                {"", "host:port"},
                {"127.0.0.1:65536", "host:port"},
                {"::1:80", "host:port"},
                {"[::1:80", "host:port"},
                {"http://x:80", "host:port"},
                {"a b:80", "host:port"},
                {"x:-1", "host:port"},
        };

        (void)state;
        assert_judged(check_listen, values, ARRAY_SIZE(values));
}

static void assert_split(const char *text, const char *host, uint16_t port)
{
        CLEANUP(buf_deinit) struct buf got = BUF_INIT;
        uint16_t got_port = 1;

        listen_split(text, &got, &got_port);
        assert_text(buf_text(&got), host);
        assert_int_equal(got_port, port);
}

static void an_address_has_a_host_and_a_port(void **state)
{
        (void)state;
        assert_split("127.0.0.1:8080", "127.0.0.1", 8080);
        assert_split("[::1]:443", "::1", 443);
        assert_split(":80", "", 80);
        assert_split("*:80", "", 80);
        assert_split("localhost:0", "localhost", 0);
}

static void only_loopback_addresses_are_this_machine_s(void **state)
{
        static const char *const own[] = {"127.0.0.1", "127.255.0.9", "::1", "localhost",
                                          "LocalHost"};
        static const char *const open[] = {"",          "0.0.0.0",         "::",
                                           "128.0.0.1", "10.127.0.1",      "localhos",
                                           "1271",      "::ffff:10.0.0.1", "localhost.example"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                assert_true(endpoint_is_loopback(own[i]));
        for (size_t i = 0; i < ARRAY_SIZE(open); i++)
                assert_false(endpoint_is_loopback(open[i]));
}

static void urls(void **state)
{
        static const struct value values[] = {
                {"https://host", NULL},
                {"HTTPS://host:8443/a/b", NULL},
                {"http://[::1]:8080/x/", NULL},
                {"host/path", "https://"},
                {"ftp://host", "https://"},
                {"https://", "host"},
                {"https:///path", "host"},
                {"https://user@host/", "user name"},
                {"https://host/?a=b", "'?'"},
                {"https://host/#a", "'#'"},
                {"https://host\\@evil/", "user name"},
                {"https://host:0/", "host is wrong"},
        };

        (void)state;
        assert_judged(check_url, values, ARRAY_SIZE(values));
}

static void model_ids(void **state)
{
        static const struct value values[] = {
                {"dtmi:myriotaconnector:Tracker_2lb;1", NULL},
                {"dtmi:a;999999999", NULL},
                {"dtmi:com:example:Thermostat;12", NULL},
                {"dtmi:a:b", "version"},
                {"dtmi:a:b;", "version"},
                {"dtmi:a:b;0", "version"},
                {"dtmi:a:b;01", "version"},
                {"dtmi:a:b;1000000000", "version"},
                {"dtmi:a:b;1x", "version"},
                {"dtmi;1", "dtmi:"},
                {"dtmi:;1", "dtmi:"},
                {"dtmi:a::b;1", "dtmi:"},
                {"dtmi:1a;1", "dtmi:"},
                {"dtmi:_a;1", "dtmi:"},
                {"dtmi:a_;1", "dtmi:"},
                {"DTMI:a;1", "dtmi:"},
                {"dtmi:a b;1", "dtmi:"},
                {"a:b;1", "dtmi:"},
        };

        (void)state;
        assert_judged(check_model_id, values, ARRAY_SIZE(values));
}

static void device_id_templates(void **state)
{
        static const struct value values[] = {
                {"{device}", NULL},
                {"{application}-{device}", NULL},
                {"lora.{dev_eui}@{network}", NULL},
                {"{application}", "same id"},
                {"sensor", "same id"},
                {"{Device}", "braces"},
                {"{device", "braces"},
                {"{}{device}", "braces"},
                {"a}{device}", "character 2"},
                {"{device}/x", "character 9"},
                {"a b{device}", "character 2"},
                {"\xc3\xa9{device}", "character 1"},
        };

        (void)state;
        assert_judged(check_device_id_template, values, ARRAY_SIZE(values));
}

static void keys_and_connection_strings(void **state)
{
        static const struct value keys[] = {
                {GROUP_KEY, NULL},
                {"bXlUZXN0S2V5", NULL},
                {"bXlUZXN0S2V5T2ZOb1VzZUF0QWxsMDEyMzQ1Njc4OQ", "copied whole"},
                {"not base64!", "copied whole"},
        };
        static const struct value strings[] = {
                {HUB_STRING, NULL},
                {"HostName=h:5671;SharedAccessKeyName=iothubowner;SharedAccessKey=" HUB_KEY, NULL},
                {"HostName=h;DeviceId=d;SharedAccessKey=" HUB_KEY, "of one device"},
                {"SharedAccessKeyName=n;SharedAccessKey=" HUB_KEY, "HostName"},
                {"HostName=h;SharedAccessKeyName=n", "SharedAccessKey"},
                {"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=" HUB_KEY, "Event Hubs"},
        };
        static const struct value tokens[] = {
                {"NNSXS.ABC.DEF-0_1", NULL},
                {"two words", "character 4"},
                {"line\n", "character 5"},
                {"\xc3\xa9", "character 1"},
        };

        (void)state;
        assert_judged(check_key, keys, ARRAY_SIZE(keys));
        assert_judged(check_connection_string, strings, ARRAY_SIZE(strings));
        assert_judged(check_token, tokens, ARRAY_SIZE(tokens));
}

static void scopes_endpoints_and_fingerprints(void **state)
{
        static const struct value scopes[] = {
                {"0ne00123ABC", NULL}, {"0ne 1", "ID scope"}, {"a/b", "ID scope"}};
        static const struct value endpoints[] = {{"host", NULL},
                                                 {"host:8443", NULL},
                                                 {"https://host", "https://"},
                                                 {"host:port", "port"}};
        static const struct value fingerprints[] = {
                {"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF", NULL},
                {"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
                 "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
                 NULL},
                {"001122", "64 hex digits"},
                {"zz112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF", "64 hex"},
        };

        (void)state;
        assert_judged(check_id_scope, scopes, ARRAY_SIZE(scopes));
        assert_judged(check_endpoint, endpoints, ARRAY_SIZE(endpoints));
        assert_judged(check_fingerprint, fingerprints, ARRAY_SIZE(fingerprints));
}

static void certificates_and_keys_are_looked_into(void **state)
{
        static const struct value values[] = {
                {TEST_PROJECT "/README.md", "holds no"},
                {"/nowhere/x.pem", "No such file"},
        };

        (void)state;
        assert_judged(check_certificate_file, values, ARRAY_SIZE(values));
        assert_judged(check_key_file, values, ARRAY_SIZE(values));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_to_listen_on),
                cmocka_unit_test(an_address_has_a_host_and_a_port),
                cmocka_unit_test(only_loopback_addresses_are_this_machine_s),
                cmocka_unit_test(urls),
                cmocka_unit_test(model_ids),
                cmocka_unit_test(device_id_templates),
                cmocka_unit_test(keys_and_connection_strings),
                cmocka_unit_test(scopes_endpoints_and_fingerprints),
                cmocka_unit_test(certificates_and_keys_are_looked_into),
        };

        return cmocka_run_group_tests_name("conf.checks", tests, NULL, NULL);
}
