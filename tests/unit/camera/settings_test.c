// SPDX-License-Identifier: MIT
/* Configurations of the camera: the earlier programs' shapes, several cameras, clear mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "camera/settings/camera_settings.h"
#include "camera/settings/time_span.h"
#include "support/directory.h"

struct loaded {
        int result;
        struct camera_program_settings settings;
        struct conf_report report;
};

static void loaded_free(struct loaded *loaded)
{
        camera_settings_deinit(&loaded->settings);
        conf_report_deinit(&loaded->report);
}

/* The settings of a text beside a file `model.onnx`, which need not be one here. */
static void load(struct loaded *loaded, const char *text)
{
        char *folder = test_directory_new();
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;
        char *path = test_directory_file(folder, "camera.json");
        const struct conf_source source = {.file = path};

        test_directory_write(folder, "model.onnx", "x");
        buf_add_text(&content, text);
        loaded->report = CONF_REPORT_INIT;
        camera_settings_init(&loaded->settings);
        loaded->result = conf_load_text(&camera_schema, &source, &content, &loaded->settings,
                                        &loaded->report);
        free(path);
        test_directory_remove(folder);
}

static void load_data(struct loaded *loaded, const char *name)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        buf_add_format(&path, "%s/tests/data/camera-config/%s", TEST_PROJECT, name);
        assert_int_equal(file_read(buf_text(&path), 1 << 20, &text, NULL), 0);
        load(loaded, buf_text(&text));
}

static void say_all(const struct loaded *loaded, struct buf *out)
{
        conf_report_write(&loaded->report, "camera.json", CONF_NOTE, out);
}

static void assert_usable(const struct loaded *loaded)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        say_all(loaded, &said);
        if (loaded->result != 0)
                fail_msg("%s", buf_text(&said));
}

static void assert_said(const char *text, const char *sentence)
{
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        load(&loaded, text);
        say_all(&loaded, &said);
        if (loaded.result == 0 || !strstr(buf_text(&said), sentence))
                fail_msg("'%s' is not said of %s, but:\n%s", sentence, text, buf_text(&said));
}

static void assert_near(double is, double must)
{
        assert_true(fabs(is - must) < 1e-9);
}

static void the_first_programs_shape_loads(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct camera_settings *camera;

        (void)state;
        load_data(&loaded, "security-camera-iot-hub.json");
        assert_usable(&loaded);
        assert_int_equal(camera_settings_count(&loaded.settings), 1);
        camera = camera_settings_of(&loaded.settings, 0);
        assert_string_equal(camera->device_id, "Yard");
        assert_string_equal(camera_settings_name(camera), "Yard");
        assert_int_equal(camera->due_ms, 15000);
        assert_int_equal(camera->period_ms, 30000);
        assert_near(camera->threshold, 0.65);
        assert_int_equal(camera->labels_of_interest.count, 3);
        assert_true(camera->has_labels_of_interest);
        assert_string_equal(camera->security.url, "http://10.0.0.55/cgi-bin/snapshot.cgi");
        assert_string_equal(camera->security.user, "viewer");
        assert_string_equal(camera->security.password, "camera.SECRET");
        assert_string_equal(camera->camera_file, "/var/lib/isthmus-camera/ImageCamera.jpg");
        assert_null(camera->azure.id_scope);
        assert_non_null(strstr(camera->azure.connection_string, "DeviceId=Yard"));
}

static void the_later_programs_shape_loads(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct camera_settings *camera;

        (void)state;
        load_data(&loaded, "raspberry-pi-iot-central.json");
        assert_usable(&loaded);
        camera = camera_settings_of(&loaded.settings, 0);
        assert_true(camera->raspberry.is_given);
        assert_int_equal(camera->raspberry.rotation, 90);
        assert_int_equal(camera->raspberry.wait_ms, 1500);
        assert_null(camera->security.url);
        assert_false(camera->has_labels_of_interest);
        assert_int_equal(camera->labels_minimum.count, 1);
        assert_string_equal(camera->azure.id_scope, "0ne00123ABC");
        assert_int_equal(camera->variant, TALLY_LATER);
        assert_int_equal(camera->period_ms, 60000);
}

static void a_camera_inherits_what_it_has_no_word_of(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct camera_settings *front;
        const struct camera_settings *back;

        (void)state;
        load_data(&loaded, "several.json");
        assert_usable(&loaded);
        assert_int_equal(camera_settings_count(&loaded.settings), 2);
        front = camera_settings_of(&loaded.settings, 0);
        back = camera_settings_of(&loaded.settings, 1);
        assert_string_equal(front->name, "front");
        assert_string_equal(front->device_id, "front");
        assert_string_equal(back->device_id, "yard-2");
        assert_int_equal(front->period_ms, 10000);
        assert_int_equal(back->period_ms, 30000);
        assert_near(front->threshold, 0.4);
        assert_near(back->threshold, 0.6);
        assert_string_equal(front->security.password, "camera.SECRET");
        assert_string_equal(back->azure.dtdl_model_id, "dtmi:example:Camera;1");
        assert_int_equal(front->zone_count, 1);
        assert_string_equal(front->zones[0].name, "gate");
        assert_int_equal(front->zones[0].labels.count, 2);
        assert_string_equal(front->zones[0].labels.texts[1], "car");
        assert_int_equal(front->zones[0].polygon.count, 4);
        assert_int_equal(back->zone_count, 1);
        assert_string_equal(back->zones[0].name, "lawn");
        assert_int_equal(back->label_count, 1);
        assert_near(back->labels[0].threshold, 0.8);
        assert_near(back->labels[0].most_area, 1);
}

#define DPS    "\"AzureIoTHubDPS\": {\"IDScope\": \"0ne1\", \"GroupEnrollmentKey\": \"aGFsbG8=\"}"
#define START  "{" DPS ", \"Application\": {\"DeviceID\": \"a\", \"YoloV5ModelPath\": \"model.onnx\""
#define SOURCE "\"Source\": {\"File\": \"a.jpg\"}"

static void mistakes_are_said_where_they_are(void **state)
{
        (void)state;
        assert_said(START ", \"ImageTimerPeriod\": \"soon\"}, " SOURCE "}", "no TimeSpan");
        assert_said(START ", \"PredictionScoreThreshold\": 1.5}, " SOURCE "}",
                    "no number from 0 to 1");
        assert_said(START "}}", "this camera has no source");
        assert_said(START "}, \"Source\": {\"File\": \"a\", \"Folder\": \"b\"}}",
                    "a camera has one source");
        assert_said(START "}, \"SecurityCamera\": {\"CameraUrl\": \"http://u:p@h/\"}}",
                    "don't belong into this address");
        assert_said(START "}, \"SecurityCamera\": {\"CameraUrl\": \"ftp://h/\"}}",
                    "must begin with http://");
        assert_said(START "}, " SOURCE ", \"Zones\": {\"z\": {\"Polygon\": [[0, 0], [1, 1]]}}}",
                    "3 to 64 corners");
        assert_said(START "}, " SOURCE
                          ", \"Zones\": {\"z\": {\"Polygon\": [[0, 0], [1, 1], [0, 2]]}}}",
                    "corner 3 is not");
        assert_said(START "}, " SOURCE ", \"Zones\": {\"z\": {\"Labels\": [\"a\"]}}}",
                    "the corners are missing");
        assert_said(START "}, " SOURCE ", \"Listen\": \":80\"}", "other machines can reach");
        assert_said("{" SOURCE ", \"Application\": {\"DeviceID\": \"a\"}}", "no way to Azure");
        assert_said("{" SOURCE ", " DPS ", \"Application\": {\"DeviceID\": \"a\"}}",
                    "the model is missing");
        assert_said("{" SOURCE ", " DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\"}}",
                    "the device's id is missing");
        assert_said("{" SOURCE ", " DPS ", \"Application\": {\"DeviceID\": \"a\", "
                    "\"YoloV5ModelPath\": \"no.onnx\"}}",
                    "no.onnx can't be read");
        assert_said("{" SOURCE ", " DPS ", \"Application\": {\"DeviceID\": \"a b\", "
                    "\"YoloV5ModelPath\": \"model.onnx\"}}",
                    "character 2, ' ', is not allowed");
}

static void two_cameras_are_two_devices(void **state)
{
        (void)state;
        assert_said("{" DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\", "
                    "\"ImageMarkedUpFilepath\": \"m.jpg\"}, " SOURCE ", \"Cameras\": {\"a\": {}, "
                    "\"b\": {\"Application\": {\"DeviceID\": \"a\"}}}}",
                    "another camera is the same device");
        assert_said("{" DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\", "
                    "\"ImageMarkedUpFilepath\": \"m.jpg\"}, " SOURCE ", \"Cameras\": "
                    "{\"a\": {\"Telemetry\": {\"Details\": true}}, "
                    "\"b\": {\"Telemetry\": {\"Details\": true}}}}",
                    "another camera writes the same file");
}

static void a_camera_is_there_once_it_is_named(void **state)
{
        static const char *const nothing[] = {"{}", "{\"Application\": {}}",
                                              "{\"Application\": {\"DeviceID\": \"\"}}"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                buf_add_format(&text,
                               "{" DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\"}"
                               ", " SOURCE ", \"Zones\": {\"gate\": {\"Polygon\": "
                               "[[0, 0], [1, 0], [1, 1]]}}, \"Cameras\": {\"yard\": %s, "
                               "\"gate\": {\"Telemetry\": {\"Details\": true}}}}",
                               nothing[i]);
                load(&loaded, buf_text(&text));
                assert_usable(&loaded);
                assert_int_equal(camera_settings_count(&loaded.settings), 2);
                assert_string_equal(camera_settings_of(&loaded.settings, 0)->device_id, "yard");
                assert_int_equal(camera_settings_of(&loaded.settings, 0)->zone_count, 1);
        }
        assert_said("{" DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\"}, "
                    "\"Cameras\": {\"yard\": {}}}",
                    "Cameras.yard.SecurityCamera.CameraUrl: this camera has no source");
}

static void an_area_without_corners_is_a_mistake(void **state)
{
        (void)state;
        assert_said(START "}, " SOURCE ", \"Zones\": {\"z\": {}}}",
                    "Zones.z.Polygon: the corners are missing");
        assert_said(START "}, " SOURCE ", \"Masks\": {\"z\": {}}}",
                    "Masks.z.Polygon: the corners are missing");
        assert_said(START "}, " SOURCE ", \"Privacy\": {\"Areas\": {\"z\": {}}}}",
                    "Privacy.Areas.z.Polygon: the corners are missing");
        assert_said("{" DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\"}, " SOURCE
                    ", \"Privacy\": {\"Areas\": {\"z\": {}}}, \"Cameras\": {\"yard\": {}}}",
                    "Cameras.yard.Privacy.Areas.z.Polygon: the corners are missing");
        assert_said("{" DPS ", \"Application\": {\"YoloV5ModelPath\": \"model.onnx\"}, " SOURCE
                    ", \"Cameras\": {\"yard\": {\"Zones\": {\"z\": {}}}}}",
                    "Cameras.yard.Zones.z.Polygon: the corners are missing");
        assert_said(START "}, " SOURCE
                          ", \"Zones\": {\"\": {\"Polygon\": [[0, 0], [1, 0], [1, 1]]}}}",
                    "Zones..Polygon: a name of 1 to 64 bytes belongs before this");
}

static void what_is_no_object_or_no_area_is_a_mistake(void **state)
{
        (void)state;
        assert_said(START "}, " SOURCE ", \"Privacy\": {\"Areas\": {\"z\": "
                          "[[0, 0], [1, 0], [1, 1]]}}}",
                    "Privacy.Areas.z: this must be an object in { } with settings, not a list");
        assert_said(START "}, " SOURCE ", \"Cameras\": [{}]}",
                    "Cameras: this must be an object in { } with settings, not a list");
        assert_said(START "}, " SOURCE ", \"Cameras\": {\"yard\": []}}",
                    "Cameras.yard: this must be an object in { } with settings, not a list");
        assert_said(START "}, " SOURCE ", \"Cameras\": {\"yard\": null}}",
                    "Cameras.yard: this must be an object in { }, which may be empty, not null");
        assert_said(START "}, " SOURCE ", \"Labels\": {\"person\": null}}",
                    "Labels.person: this must be an object in { }, which may be empty, not null");
        assert_said(START "}, " SOURCE ", \"Zones\": {\"z\": null}}",
                    "Zones.z: this must be an object in { }, which may be empty, not null");
        assert_said(START "}, " SOURCE ", \"Cameras\": {\"yard\": {}, \"yard\": {}}}",
                    "Cameras.yard: this name is given twice, also at line 1 column");
        assert_said(START "}, " SOURCE ", \"Masks\": {\"z\": {\"Polygon\": "
                          "[[0, 0], [0.25, 0.25], [0, 0], [1, 1]]}}}",
                    "Masks.z.Polygon: the corners are all on one line");
}

static void an_empty_list_is_not_none(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        CLEANUP(loaded_free) struct loaded without;

        (void)state;
        load(&loaded, START ", \"PredictionLabelsOfInterest\": []}, " SOURCE "}");
        assert_usable(&loaded);
        assert_true(camera_settings_of(&loaded.settings, 0)->has_labels_of_interest);
        assert_int_equal(conf_report_count(&loaded.report, CONF_WARNING), 1);
        load(&without, START "}, " SOURCE "}");
        assert_usable(&without);
        assert_false(camera_settings_of(&without.settings, 0)->has_labels_of_interest);
}

static void an_empty_list_stays_when_converted(void **state)
{
        char *folder = test_directory_new();
        char *path = test_directory_file(folder, "camera.json");
        const struct conf_source source = {.file = path};
        CLEANUP(loaded_free) struct loaded loaded = {.report = CONF_REPORT_INIT};
        CLEANUP(buf_deinit) struct buf converted = BUF_INIT;

        (void)state;
        test_directory_write(folder, "model.onnx", "x");
        test_directory_write(folder, "camera.json",
                             START ", \"PredictionLabelsOfInterest\": []}, " SOURCE "}");
        camera_settings_init(&loaded.settings);
        loaded.result = conf_convert_file(&camera_schema, &source, &loaded.settings, &loaded.report,
                                          &converted);
        free(path);
        test_directory_remove(folder);
        assert_usable(&loaded);
        assert_non_null(strstr(buf_text(&converted), "\"PredictionLabelsOfInterest\": []"));
}

static void what_is_shown_holds_no_secret(void **state)
{
        static const char *const files[] = {"security-camera-iot-hub.json",
                                            "raspberry-pi-iot-central.json", "several.json"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                CLEANUP(loaded_free) struct loaded loaded;
                CLEANUP(buf_deinit) struct buf shown = BUF_INIT;

                load_data(&loaded, files[i]);
                conf_show(&camera_schema, &loaded.settings, &loaded.report, &shown);
                assert_null(strstr(buf_text(&shown), "SECRET"));
                assert_null(strstr(buf_text(&shown), "bXlUZXN0S2V5"));
                assert_null(strstr(buf_text(&shown), "cG9saWN5"));
                assert_non_null(strstr(buf_text(&shown), "***"));
        }
}

static void time_spans(void **state)
{
        static const struct {
                const char *text;
                int64_t ms; /* -1 = refused */
                const char *written;
        } rows[] = {
                {"0.00:00:15", 15000, "00:00:15"},
                {"00:00:30", 30000, "00:00:30"},
                {"1.02:03:04", 93784000, "1.02:03:04"},
                {"00:00:00.5", 500, "00:00:00.5000000"},
                {"00:00:00.0010000", 1, "00:00:00.0010000"},
                {"00:05", 300000, "00:05:00"},
                {"7", 604800000, "7.00:00:00"},
                {"1000", TIME_SPAN_MAX_MS, "1000.00:00:00"},
                {"1000.00:00:01", -1, NULL},
                {"1001", -1, NULL},
                {"24:00", -1, NULL},
                {"00:60", -1, NULL},
                {"00:00:60", -1, NULL},
                {"-00:00:01", -1, NULL},
                {"", -1, NULL},
                {".", -1, NULL},
                {"1.", -1, NULL},
                {":", -1, NULL},
                {"00:00:", -1, NULL},
                {"00:00:01.", -1, NULL},
                {"00:00:01.12345678", -1, NULL},
                {"00:00:01x", -1, NULL},
                {"99999999999999999999:00", -1, NULL},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[TIME_SPAN_TEXT_SIZE];
                int64_t span_ms = -1;
                bool is_read = time_span_read(rows[i].text, &span_ms);

                if (is_read != (rows[i].ms >= 0) || (is_read && span_ms != rows[i].ms))
                        fail_msg("'%s' is %lld", rows[i].text, (long long)span_ms);
                if (!is_read)
                        continue;
                time_span_write(span_ms, text);
                assert_string_equal(text, rows[i].written);
        }
}

static void k4_secrets_may_be_in_a_key_vault(void **state)
{
        CLEANUP(loaded_free) struct loaded loaded;
        const struct camera_settings *camera;

        (void)state;
        load(&loaded,
             "{\"KeyVaultURI\":\"https://one.vault.azure.net\",\"PageKey\":{\"KeyVault\":\"page\"},"
             "\"Source\":{\"File\":\"a.jpg\"},\"Application\":{\"YoloV5ModelPath\":\"model.onnx\"},"
             "\"AzureIoTHub\":{\"ConnectionString\":"
             "\"@Microsoft.KeyVault(VaultName=two;SecretName=hub)\"},\"Cameras\":{\"yard\":{"
             "\"Counting\":{\"GoneAfter\":2}},"
             "\"gate\":{\"Application\":{\"DeviceID\":\"the-gate\"}}}}");
        assert_usable(&loaded);
        assert_true(conf_secret_is_awaited(loaded.settings.page_key));
        assert_int_equal(camera_settings_count(&loaded.settings), 2);
        for (size_t i = 0; i < 2; i++) {
                camera = camera_settings_of(&loaded.settings, i);
                assert_true(conf_secret_is_awaited(camera->azure.connection_string));
        }
        /* The page's, and the string's of both cameras and of all. */
        assert_int_equal(loaded.settings.secrets.count, 4);
}

static void k4_what_a_camera_can_not_know_without_its_vault_is_asked_for(void **state)
{
        (void)state;
        assert_said("{\"Source\":{\"File\":\"a.jpg\"},\"Application\":{\"YoloV5ModelPath\":"
                    "\"model.onnx\"},\"AzureIoTHub\":{\"ConnectionString\":"
                    "\"@Microsoft.KeyVault(VaultName=two;SecretName=hub)\"}}",
                    "it must stand here when the connection string is in a Key Vault");
        assert_said("{\"PageKey\":\"@Microsoft.KeyVault(VaultName=two)\"}", "SecretName");
        assert_said("{\"PageKey\":{\"KeyVault\":\"page\"}}", "KeyVaultURI");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_programs_shape_loads),
                cmocka_unit_test(the_later_programs_shape_loads),
                cmocka_unit_test(a_camera_inherits_what_it_has_no_word_of),
                cmocka_unit_test(mistakes_are_said_where_they_are),
                cmocka_unit_test(two_cameras_are_two_devices),
                cmocka_unit_test(a_camera_is_there_once_it_is_named),
                cmocka_unit_test(an_area_without_corners_is_a_mistake),
                cmocka_unit_test(what_is_no_object_or_no_area_is_a_mistake),
                cmocka_unit_test(an_empty_list_is_not_none),
                cmocka_unit_test(an_empty_list_stays_when_converted),
                cmocka_unit_test(what_is_shown_holds_no_secret),
                cmocka_unit_test(k4_secrets_may_be_in_a_key_vault),
                cmocka_unit_test(k4_what_a_camera_can_not_know_without_its_vault_is_asked_for),
                cmocka_unit_test(time_spans),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
