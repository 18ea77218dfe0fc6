// SPDX-License-Identifier: MIT
/* The samples in tests/data/samples, and the real messages of Myriota where ISTHMUS_TEST_DATA is.
 */
#include "networks/myriota/myriota_signature.h"
#include "unit/networks/support.h"

#define DATA TEST_PROJECT "/tests/data/samples"

struct row {
        const char *file; /* in the network's folder, without ".json" */
        int result;
        size_t events;
        const char *device; /* of the first event */
        const char *within; /* in the body of its telemetry, or in the reason */
};

static const struct row things_stack_rows[] = {
        {"uplink-flat", 0, 1, "rak3172-1c7", "\"analog_in_3\":3.71,\"digital_in_4\":1,"},
        {"uplink-gps", 0, 1, "tracker-07", "{\"alt\":12.5,\"altitude\":12.5,\"lat\":-43.499,"},
        {"uplink-arrays", 0, 1, "logger-3", "\"mixed\":[1,\"a\",null,{\"k\":[0]}]"},
        {"uplink-nested", 0, 1, "weather-858", "\"direction\":{\"unit\":\"\xc2\xb0\""},
        {"uplink-mixed-types", 0, 1, "door-22", "\"big\":9007199254740991,\"small\":1e-07,"},
        {"uplink-no-decoded", 0, 1, "raw-1", "\"PayloadRaw\":\"ABEiM0RVZneImaq7zN3u/w==\"}"},
        {"uplink-simulated", 0, 1, "rak3172-1c7", "\"Simulated\":true"},
        {"uplink-multi-gateway", 0, 1, "rak3172-1c7", "\"temperature_1\":27.2"},
        {"uplink-mac-only", NETWORK_E_IGNORED, 0, NULL, "no f_port"},
        {"uplink-first-empty-confirmed", 0, 1, "button-9", "\"PayloadRaw\":\"\"}"},
        {"uplink-normalized-inside", 0, 1, "ers-11", "\"temperature\":22.6,\"humidity\":41}"},
        {"uplink-fsk", 0, 1, "rak3172-1c7", "\"v\":42"},
        {"uplink-lrfhss", 0, 1, "rak3172-1c7", "\"v\":43"},
        {"uplink-encrypted", 0, 1, "rak3172-1c7", "\"PayloadRaw\":\"n9OhxA==\"}"},
        {"uplink-reserved-names", 0, 1, "clash-1", "\"Port\":7,"},
        {"uplink-reserved-names", 0, 1, "clash-1", "\"Decoded_Port\":99"},
        {"uplink-layout-2021", 0, 1, "rak3172-1c7", "\"ReceivedAtUtc\":\"2021-10-31T22:47:01"},
        {"uplink-field-mask", 0, 1, "rak3172-1c7", "\"temperature_1\":27.2"},
        {"uplink-field-mask-no-identity", NETWORK_E_MALFORMED, 0, NULL, "field mask"},
        {"uplink-compact", 0, 1, "rak3172-1c7", "\"temperature_1\":27.2"},
        {"uplink-normalized", 0, 1, "ers-11", "\"Event\":\"uplink_normalized\""},
        {"join-accept", 0, 1, "rak3172-1c7", "\"ReceivedAtUtc\":\"2024-05-06T06:59:58.918273645Z"},
        {"join-accept-pending-invalidated", 0, 1, "rak3172-1c7", "\"pending_session\":true"},
        {"downlink-queued", 0, 1, "rak3172-1c7", "\"confirmed\":false"},
        {"downlink-queued-confirmed", 0, 1, "rak3172-1c7", "\"confirmed\":true"},
        {"downlink-sent", 0, 1, "rak3172-1c7", "\"Event\":\"downlink_sent\""},
        {"downlink-sent-confirmed", 0, 1, "rak3172-1c7", "\"confirmed\":true"},
        {"downlink-sent-class-c", 0, 1, "rak3172-1c7", "\"class_b_c\""},
        {"downlink-sent-lowest-empty", 0, 1, "rak3172-1c7", "\"Event\":\"downlink_sent\""},
        {"downlink-ack", 0, 1, "rak3172-1c7", "\"Event\":\"downlink_ack\""},
        {"downlink-nack", 0, 1, "rak3172-1c7", "\"attempt\":1"},
        {"downlink-nack-attempt-3", 0, 1, "rak3172-1c7", "\"attempt\":3"},
        {"downlink-failed-too-long", 0, 1, "rak3172-1c7", "length `240` exceeds maximum `222`"},
        {"downlink-failed-max-retries", 0, 1, "rak3172-1c7",
         "\"error_name\":\"max_retries_reached\""},
        {"downlink-failed-transmission", 0, 1, "rak3172-1c7",
         "\"error_name\":\"transmission\",\"error_message\":\"downlink transmission failed with "
         "result `TOO_LATE`\",\"confirmed\":false,\"correlation_ids\":["},
        {"downlink-failed-nested-cause", 0, 1, "rak3172-1c7", "downlink_failed_cause"},
        {"downlink-queue-invalidated", 0, 1, "rak3172-1c7",
         "\"correlation_ids\":[\"az:LockToken:5f6bd4d4-7d1b-4f0f-9a4c-2f1b5d8b7c11\","
         "\"az:LockToken:0a7e9a63-3a56-4c9f-8a53-6f8b8f6a2d42\"]}}"},
        {"downlink-foreign", 0, 1, "rak3172-1c7", "my-app:"},
        {"downlink-two-locks", 0, 1, "rak3172-1c7", "\"Event\":\"downlink_sent\""},
        {"location-solved", 0, 1, "tracker-07", "\"service\":\"lora-cloud-geolocation-v3\""},
        {"location-solved-frm-payload", 0, 1, "tracker-07", "\"service\":\"frm-payload\""},
        {"service-data", 0, 1, "tracker-07", "\"upstream\":[]"},
};

static const struct row myriota_rows[] = {
        {"uplink-single", 0, 1, "0001020304", "\"PayloadBytes\":\"01-00-8C-95-12-E6-24-CC-E0-66"},
        {"uplink-batch", 0, 3, "0001020304", "\"PacketArrivedAtUtc\":\"2024-05-06T07:36:43.210Z"},
        {"uplink-tracker", 0, 1, "0001020304", "\"PayloadReceivedAtUtc\":\"2024-05-06T08:00:05"},
        {"uplink-upper-case-hex", 0, 1, "00d1000a7f", "\"PayloadBytes\":\"0A-0B-0C-0D-0E-0F-CC"},
        {"uplink-long-value", 0, 1, "00d1000a7f", "-C5-C6-C7\""},
        {"uplink-bad-hex", 0, 2, "0001020304", "\"TerminalId\":\"0001020304\""},
        {"uplink-data-odd-spacing", 0, 1, "0001020304", "\"PayloadBytes\":\"01-02-CC"},
        {"uplink-single-redelivered", 0, 1, "0001020304", "-00000000000b\""},
        {"uplink-empty-packets", NETWORK_E_IGNORED, 0, NULL, "no packets"},
        {"uplink-data-not-json", NETWORK_E_MALFORMED, 0, NULL, "the text in Data"},
        {"uplink-data-no-packets", NETWORK_E_MALFORMED, 0, NULL, "no list Packets"},
};

static const struct row real_row = {"real/valid-2026", 0, 1, "89883380001010376490",
                                    "\"PayloadBytes\":\"DE-CA-FB-AD-"};

static void assert_within(const struct row *row, const char *text)
{
        if (!strstr(text, row->within))
                fail_msg("%s: \"%s\" is not in: %s", row->file, row->within, text);
}

static void check_row(const char *data, const char *network, const struct row *row)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s/%s.json", data, network, row->file);
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct telemetry_options options = {0};
        struct trial trial;

        assert_true(support_read_file(path, &body));
        trial = trial_bytes(network, "", body.data, body.size);
        if (trial.result != row->result || trial.events.count != row->events)
                fail_msg("%s: %d, %zu events: %s", row->file, trial.result, trial.events.count,
                         trial.reason.text);
        if (row->result == 0) {
                assert_string_equal(trial.events.events[0].device, row->device);
                assert_int_equal(network_by_name(network)->telemetry(&trial.events.events[0], NULL,
                                                                     &options, &trial.telemetry,
                                                                     &trial.reason),
                                 0);
                assert_within(row, buf_text(&trial.telemetry.body));
        } else {
                assert_within(row, trial.reason.text);
        }
        trial_deinit(&trial);
}

static void samples_of_the_things_stack(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(things_stack_rows); i++)
                check_row(DATA, "things-stack", &things_stack_rows[i]);
}

static void samples_of_myriota(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(myriota_rows); i++)
                check_row(DATA, "myriota", &myriota_rows[i]);
}

/* --- signatures ------------------------------------------------------------------------- */

struct signature_row {
        const char *file;
        int result;        /* without the strict setting */
        int strict_result; /* with it and the test root */
};

#define ALL(condition) SIGNATURE_E_##condition, SIGNATURE_E_##condition

static const struct signature_row signature_rows[] = {
        {"signature-valid", 0, 0},
        {"signature-valid-der-certificate", 0, 0},
        {"signature-valid-rotated-certificate", 0, 0},
        {"signature-valid-self-signed-expired", 0, SIGNATURE_E_STRICT},
        {"signature-strict-only-expired-certificate", 0, SIGNATURE_E_STRICT},
        {"signature-strict-only-not-yet-valid-certificate", 0, SIGNATURE_E_STRICT},
        {"signature-strict-only-untrusted-root", 0, SIGNATURE_E_STRICT},
        {"signature-bad-tampered-data", ALL(FALSE)},
        {"signature-bad-tampered-endpoint-ref", ALL(FALSE)},
        {"signature-bad-tampered-id", ALL(FALSE)},
        {"signature-bad-tampered-timestamp", ALL(FALSE)},
        {"signature-bad-truncated", ALL(FALSE)},
        {"signature-bad-without-endpoint-ref", ALL(FALSE)},
        {"signature-bad-wrong-key", ALL(FALSE)},
        {"signature-bad-not-base64", ALL(FALSE)},
        {"signature-bad-wrong-common-name", ALL(CERTIFICATE)},
        {"signature-bad-wrong-organization", ALL(CERTIFICATE)},
        {"signature-missing", ALL(MISSING)},
        {"certificate-url-bad-backslash", ALL(URL)},
        {"certificate-url-bad-file-scheme", ALL(URL)},
        {"certificate-url-bad-foreign-host", ALL(URL)},
        {"certificate-url-bad-internal-address", ALL(URL)},
        {"certificate-url-bad-plain-http", ALL(URL)},
        {"certificate-url-bad-port", ALL(URL)},
        {"certificate-url-bad-user-info", ALL(URL)},
        {"uplink-single", 0, 0},
        {"uplink-batch", 0, 0},
        {"uplink-tracker", 0, 0},
        {"uplink-upper-case-hex", 0, 0},
        {"uplink-long-value", 0, 0},
        {"uplink-empty-packets", 0, 0},
        {"uplink-single-redelivered", 0, 0},
        {"uplink-bad-hex", 0, 0},
        {"uplink-data-not-json", 0, 0},
        {"uplink-data-no-packets", 0, 0},
        {"uplink-data-odd-spacing", 0, 0},
};

static const struct signature_row real_rows[] = {
        {"real/valid-support-article-2019", 0, SIGNATURE_E_STRICT},
        {"real/valid-2026", 0, SIGNATURE_E_STRICT},
        {"real/invalid-edited-blog-2023", ALL(FALSE)},
        {"real/invalid-tampered-2019", ALL(FALSE)},
};

/* Plays the certificate's host: the file of that name. */
static void fetch(const char *data, const char *url, struct buf *certificate)
{
        static const char *const folders[] = {"myriota/certificates", "myriota/real"};

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                CLEANUP(mem_cleanup)
                char *path = mem_format("%s/%s/%s", data, folders[i], strrchr(url, '/') + 1);

                if (support_read_file(path, certificate))
                        return;
        }
        fail_msg("there is no file for %s", url);
}

static int verify_body(const char *data, const struct buf *body,
                       const struct signature_strict *strict, struct reason *reason)
{
        struct webhook webhook = {.path = "",
                                  .body = body->data,
                                  .body_size = body->size,
                                  .maximum_values = JSON_VALUES_USUAL};
        CLEANUP(signature_deinit)
        struct signature signature = SIGNATURE_INIT;
        CLEANUP(buf_deinit) struct buf certificate = BUF_INIT;
        int result = myriota_signature_read(&webhook, &signature, reason);

        if (result)
                return result;
        result = myriota_signature_check_url(signature.certificate_url, MYRIOTA_CERTIFICATE_HOST,
                                             reason);
        if (result)
                return result;
        fetch(data, signature.certificate_url, &certificate);
        return support_verify(&signature, &certificate, strict, reason);
}

static void check_signature(const char *data, const struct signature_row *row,
                            const struct signature_strict *strict)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/myriota/%s.json", data, row->file);
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct reason reason = REASON_INIT;
        int wanted = strict ? row->strict_result : row->result;
        int result;

        assert_true(support_read_file(path, &body));
        result = verify_body(data, &body, strict, &reason);
        if (result != wanted || (result == 0) != (reason.text[0] == '\0'))
                fail_msg("%s: %d instead of %d: %s", row->file, result, wanted, reason.text);
}

/* Each without the strict setting, and with it and the test root. */
static void check_signatures(const char *data, const struct signature_row *rows, size_t count)
{
        CLEANUP(buf_deinit) struct buf roots = BUF_INIT;
        struct signature_strict strict = {.now_s = 1714982500};
        struct reason reason;

        assert_true(support_read_file(DATA "/myriota/certificates/test-root.crt", &roots));
        strict.roots = signature_roots_new(roots.data, roots.size, &reason);
        assert_non_null(strict.roots);
        for (size_t i = 0; i < count; i++) {
                check_signature(data, &rows[i], NULL);
                check_signature(data, &rows[i], &strict);
        }
        signature_roots_free(strict.roots);
}

static void m8_signatures_of_myriota(void **state)
{
        (void)state;
        check_signatures(DATA, signature_rows, ARRAY_SIZE(signature_rows));
}

static void m8_real_messages_of_myriota(void **state)
{
        const char *data = getenv("ISTHMUS_TEST_DATA");

        (void)state;
        if (!data || !data[0]) {
                print_message("skipped: the real messages are where ISTHMUS_TEST_DATA says\n");
                skip();
        }
        check_row(data, "myriota", &real_row);
        check_signatures(data, real_rows, ARRAY_SIZE(real_rows));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(samples_of_the_things_stack),
                cmocka_unit_test(samples_of_myriota),
                cmocka_unit_test(m8_signatures_of_myriota),
                cmocka_unit_test(m8_real_messages_of_myriota),
        };

        return cmocka_run_group_tests_name("samples", tests, NULL, NULL);
}
