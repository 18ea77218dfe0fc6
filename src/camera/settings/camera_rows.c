// SPDX-License-Identifier: MIT
/* One row per setting; those of a camera twice, for all cameras and for one. */
#include "camera/settings/camera_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/names.h"
#include "base/error.h"
#include "camera/settings/camera_settings.h"
#include "camera/settings/time_span.h"
#include "camera/upload/picture_name.h"
#include "conf/checks.h"
#include "conf/engine/load.h"
#include "conf/vault_refer.h"

#define PAGE_KEY_MIN 12

#define PROGRAM struct camera_program_settings
#define CAMERA  struct camera_settings

#define MAP_OF_ALL(field, counter, type)                                                           \
        {                                                                                          \
                .items_offset = offsetof(PROGRAM, field),                                          \
                .count_offset = offsetof(PROGRAM, counter), .item_size = sizeof(struct type),      \
        }
#define MAP_OF_ONE(field, counter, type)                                                           \
        {                                                                                          \
                .outer = &cameras, .items_offset = offsetof(CAMERA, field),                        \
                .count_offset = offsetof(CAMERA, counter), .item_size = sizeof(struct type),       \
        }

static const struct conf_map cameras = {
        .items_offset = offsetof(PROGRAM, cameras),
        .count_offset = offsetof(PROGRAM, camera_count),
        .item_size = sizeof(CAMERA),
        .repeats = true,
};
static const struct conf_map all_zones = MAP_OF_ALL(common.zones, common.zone_count, camera_area);
static const struct conf_map all_masks = MAP_OF_ALL(common.masks, common.mask_count, camera_area);
static const struct conf_map all_labels =
        MAP_OF_ALL(common.labels, common.label_count, camera_label);
static const struct conf_map all_private =
        MAP_OF_ALL(common.private_areas, common.private_area_count, camera_area);
static const struct conf_map one_private =
        MAP_OF_ONE(private_areas, private_area_count, camera_area);
static const struct conf_map one_zones = MAP_OF_ONE(zones, zone_count, camera_area);
static const struct conf_map one_masks = MAP_OF_ONE(masks, mask_count, camera_area);
static const struct conf_map one_labels = MAP_OF_ONE(labels, label_count, camera_label);

static const struct conf_map *const maps[] = {&cameras,    &all_zones,   &all_masks,
                                              &all_labels, &all_private, &one_private,
                                              &one_zones,  &one_masks,   &one_labels};

static const struct conf_choice variants[] = {
        {"Later", TALLY_LATER}, {"First", TALLY_FIRST}, {NULL, 0}};

static const struct conf_choice manners[] = {
        {"Blur", OBSCURE_BLUR}, {"Blank", OBSCURE_BLANK}, {NULL, 0}};

static const struct conf_choice rotations[] = {
        {"0", 0}, {"90", 90}, {"180", 180}, {"270", 270}, {NULL, 0}};

static const struct conf_choice log_levels[] = {
        {"Error", LOG_LEVEL_ERROR}, {"Critical", LOG_LEVEL_ERROR},   {"Warning", LOG_LEVEL_WARN},
        {"Warn", LOG_LEVEL_WARN},   {"Information", LOG_LEVEL_INFO}, {"Info", LOG_LEVEL_INFO},
        {"Debug", LOG_LEVEL_DEBUG}, {"Trace", LOG_LEVEL_DEBUG},      {NULL, 0}};

static const struct conf_choice log_formats[] = {
        {"Auto", LOG_FORMAT_AUTO}, {"Text", LOG_FORMAT_TEXT}, {"Json", LOG_FORMAT_JSON}, {NULL, 0}};

static bool check_time_span(const char *text, struct reason *reason)
{
        int64_t span_ms;

        if (time_span_read(text, &span_ms))
                return true;
        reason_set(reason, "this is no TimeSpan; it looks like 00:00:30 (hours, minutes, seconds) "
                           "or 1.00:00:00 (days before them)");
        return false;
}

static bool check_readable(const char *text, struct reason *reason)
{
        if (access(text, R_OK) == 0)
                return true;
        reason_set(reason, "the file %s can't be read: %s", text, strerror(errno));
        return false;
}

static bool check_polygon(const char *text, struct reason *reason)
{
        struct polygon polygon;

        return polygon_read(text, &polygon, reason);
}

static void mask_all(const char *text, struct buf *out)
{
        (void)text;
        buf_add_text(out, "***");
}

static bool check_picture_name(const char *text, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;

        if (picture_name(text, 0, &name, reason))
                return true;
        reason_prefix(reason, "this");
        return false;
}

static bool check_page_key(const char *text, struct reason *reason)
{
        if (strlen(text) >= PAGE_KEY_MIN)
                return true;
        reason_set(reason, "this key is too short; 12 characters are the least");
        return false;
}

#define BETWEEN(least, most)  .minimum = (least), .maximum = (most)
#define FIELD(name)           .offset = offsetof(PROGRAM, name)
#define OF_AREA(which, name)  .map = &(which), .offset = offsetof(struct camera_area, name)
#define OF_LABEL(which, name) .map = &(which), .offset = offsetof(struct camera_label, name)
#define COMMON(name)          .offset = offsetof(PROGRAM, common.name)
#define ONE(name)             .map = &cameras, .offset = offsetof(CAMERA, name)
#define ROW(...)                                                                                   \
        {                                                                                          \
                __VA_ARGS__                                                                        \
        }

/* `OF(field)` places a field; the four maps are those of the same level. */
#define CAMERA_ROWS(prefix, OF, of_zones, of_masks, of_labels, of_private)                         \
        ROW(prefix "Application.DeviceID", CONF_TEXT, OF(device_id),                               \
            .meaning = "Device id in IoT Hub and registration id; of several cameras: their "      \
                       "names below Cameras"),                                                     \
                ROW(prefix "SecurityCamera.CameraUrl", CONF_TEXT, OF(security.url),                \
                    .meaning = "Where the camera gives a picture, or a stream of them (MJPEG): "   \
                               "http:// or https://; rtsp:// with the plug-in"),                   \
                ROW(prefix "SecurityCamera.CameraUserName", CONF_TEXT, OF(security.user),          \
                    .meaning = "User for basic or digest authentication"),                         \
                ROW(prefix "SecurityCamera.CameraUserPassword", CONF_TEXT, .secret = true,         \
                    OF(security.password), .meaning = "Password of that user"),                    \
                ROW(prefix "RaspberryPICamera.Rotation", CONF_CHOICE, OF(raspberry.rotation),      \
                    .choices = rotations,                                                          \
                    .meaning = "How the Raspberry Pi's camera is turned, degrees"),                \
                ROW(prefix "RaspberryPICamera.ProcessWaitForExit", CONF_INTEGER,                   \
                    OF(raspberry.wait_ms), BETWEEN(0, 600000),                                     \
                    .meaning = "Milliseconds that its program may take for a picture, if that is " \
                               "more than Source.TimeoutSeconds"),                                 \
                ROW(prefix "Source.File", CONF_TEXT, OF(source.file),                              \
                    .meaning = "A JPEG file that another program writes"),                         \
                ROW(prefix "Source.Folder", CONF_FOLDER, OF(source.folder),                        \
                    .meaning = "A folder whose newest JPEG file is the picture; each is looked "   \
                               "at once"),                                                         \
                ROW(prefix "Source.Device", CONF_TEXT, OF(source.device),                          \
                    .meaning = "A video device such as /dev/video0; with the plug-in"),            \
                ROW(prefix "Source.Command", CONF_TEXTS, OF(source.command),                       \
                    .meaning = "A program with its arguments that writes a JPEG to its standard "  \
                               "output"),                                                          \
                ROW(prefix "Source.TimeoutSeconds", CONF_INTEGER, OF(source.timeout_s),            \
                    .fallback = "10", BETWEEN(1, 600),                                             \
                    .meaning = "A picture that takes longer to come is given up"),                 \
                ROW(prefix "Source.MaximumBytes", CONF_INTEGER, OF(source.maximum_bytes),          \
                    .fallback = "33554432", BETWEEN(1024, 268435456),                              \
                    .meaning = "Most that one picture may have"),                                  \
                ROW(prefix "Source.MaximumAgeSeconds", CONF_INTEGER, OF(source.maximum_age_s),     \
                    .fallback = "300", BETWEEN(0, 31536000),                                       \
                    .meaning = "Older pictures do not count; 0 = any age"),                        \
                ROW(prefix "Application.ImageTimerDue", CONF_TEXT, OF(timer_due),                  \
                    .fallback = "00:00:15", .check = check_time_span,                              \
                    .meaning = "TimeSpan from the start to the first picture"),                    \
                ROW(prefix "Application.ImageTimerPeriod", CONF_TEXT, OF(timer_period),            \
                    .fallback = "00:00:30", .check = check_time_span,                              \
                    .meaning = "TimeSpan from one picture to the next; 0 = there is one only"),    \
                ROW(prefix "Application.PredictionScoreThreshold", CONF_FRACTION, OF(threshold),   \
                    .fallback = "0.7",                                                             \
                    .meaning = "Score from which a thing counts; 0.4 to 0.5 suits "                \
                               "small models"),                                                    \
                ROW(prefix "Application.PredictionLabelsOfInterest", CONF_TEXTS,                   \
                    OF(labels_of_interest),                                                        \
                    .meaning = "Labels of which at least one must be there for a tally to be "     \
                               "sent; left "                                                       \
                               "out: any"),                                                        \
                ROW(prefix "Application.PredictionLabelsMinimum", CONF_TEXTS, OF(labels_minimum),  \
                    .meaning = "Labels that are sent with 0 when there is none"),                  \
                ROW(prefix "Application.ImageCameraFilepath", CONF_TEXT, OF(camera_file),          \
                    .meaning = "File that each picture is written to as it came"),                 \
                ROW(prefix "Application.ImageMarkedUpFilepath", CONF_TEXT, OF(marked_up_file),     \
                    .meaning = "File that each picture is written to with what was found in it"),  \
                ROW(prefix "Application.ImageCameraUpload", CONF_FLAG, OF(upload_camera),          \
                    .meaning = "Upload each picture whose tally is sent"),                         \
                ROW(prefix "Application.ImageMarkedupUpload", CONF_FLAG, OF(upload_marked_up),     \
                    .meaning = "Upload it with what was found in it"),                             \
                ROW(prefix "AzureStorage.ConnectionString", CONF_TEXT, .secret = true,             \
                    OF(storage.connection_string), .check = check_blob_storage, .mask = mask_all,  \
                    .meaning = "Storage account for uploads, with a key or a SAS; left out: "      \
                               "through the device's hub"),                                        \
                ROW(prefix "AzureStorage.ImageCameraFilenameFormat", CONF_TEXT,                    \
                    OF(storage.camera_format), .fallback = "{0:yyyyMMdd}/camera/{0:HHmmss}.jpg",   \
                    .check = check_picture_name,                                                   \
                    .meaning = "Name of an uploaded picture, as .NET formats its UTC time"),       \
                ROW(prefix "AzureStorage.ImageMarkedUpFilenameFormat", CONF_TEXT,                  \
                    OF(storage.marked_up_format),                                                  \
                    .fallback = "{0:yyyyMMdd}/markedup/{0:HHmmss}.jpg",                            \
                    .check = check_picture_name, .meaning = "The same of the marked-up one"),      \
                ROW(prefix "Privacy.Labels", CONF_TEXTS, OF(private_labels),                       \
                    .meaning = "Labels whose boxes are obscured before a picture is written, "     \
                               "shown or uploaded"),                                               \
                ROW(prefix "Privacy.Threshold", CONF_FRACTION, OF(private_threshold),              \
                    .fallback = "0.25",                                                            \
                    .meaning = "Score above which they are, whether or not they count"),           \
                ROW(prefix "Privacy.Manner", CONF_CHOICE, OF(private_manner), .choices = manners,  \
                    .fallback = "Blur",                                                            \
                    .meaning = "Blur: few blocks of one colour each; Blank: black"),               \
                ROW(prefix "Privacy.Areas.*.Polygon", CONF_JSON, OF_AREA(of_private, corners),     \
                    .check = check_polygon,                                                        \
                    .meaning = "Corners of an area that is always obscured"),                      \
                ROW(prefix "Counting.Rules", CONF_CHOICE, OF(variant), .choices = variants,        \
                    .fallback = "Later",                                                           \
                    .meaning =                                                                     \
                            "Later: a score at the threshold counts, and what counts is told; "    \
                            "First: "                                                              \
                            "as the first program for IoT Hub, a score must be above it, and the " \
                            "tally holds all that the model found"),                               \
                ROW(prefix "Counting.AppearsAfter", CONF_INTEGER, OF(appears_after),               \
                    .fallback = "1", BETWEEN(1, 100),                                              \
                    .meaning = "Pictures in a row that show a thing before it counts"),            \
                ROW(prefix "Counting.GoneAfter", CONF_INTEGER, OF(gone_after), .fallback = "1",    \
                    BETWEEN(1, 100), .meaning = "Pictures in a row without it before it is gone"), \
                ROW(prefix "Counting.StillOnce", CONF_FLAG, OF(still_once),                        \
                    .meaning = "What has not moved since it was told is not told again"),          \
                ROW(prefix "Labels.*.Threshold", CONF_FRACTION, OF_LABEL(of_labels, threshold),    \
                    .meaning = "A threshold of this label's own; 0 = the common one"),             \
                ROW(prefix "Labels.*.LeastArea", CONF_FRACTION, OF_LABEL(of_labels, least_area),   \
                    .meaning = "Least part of the picture that such a thing covers"),              \
                ROW(prefix "Labels.*.MostArea", CONF_FRACTION, OF_LABEL(of_labels, most_area),     \
                    .fallback = "1",                                                               \
                    .meaning = "Largest part of the picture that such a thing covers"),            \
                ROW(prefix "Zones.*.Polygon", CONF_JSON, OF_AREA(of_zones, corners),               \
                    .check = check_polygon,                                                        \
                    .meaning = "Corners as fractions of the picture, [[x, y], ...]; what stands "  \
                               "in it is "                                                         \
                               "counted once more under the zone's name"),                         \
                ROW(prefix "Zones.*.Labels", CONF_TEXTS, OF_AREA(of_zones, labels),                \
                    .meaning = "What is counted in the zone; left out: everything"),               \
                ROW(prefix "Masks.*.Polygon", CONF_JSON, OF_AREA(of_masks, corners),               \
                    .check = check_polygon,                                                        \
                    .meaning = "Corners of an area in which nothing counts"),                      \
                ROW(prefix "Telemetry.OnlyOnChange", CONF_FLAG, OF(only_on_change),                \
                    .meaning = "A tally that is as the last one is not sent"),                     \
                ROW(prefix "Telemetry.EveryMinutes", CONF_INTEGER, OF(every_minutes),              \
                    BETWEEN(0, 10080),                                                             \
                    .meaning = "A tally is sent at least that often with OnlyOnChange, and at "    \
                               "most that "                                                        \
                               "often without; 0 = no such limit"),                                \
                ROW(prefix "Telemetry.Details", CONF_FLAG, OF(details),                            \
                    .meaning = "Also send each thing that counts with its label, score, box and "  \
                               "zones"),                                                           \
                ROW(prefix "AzureIoTHub.ConnectionString", CONF_TEXT, .secret = true,              \
                    OF(azure.connection_string), .check = check_any_connection_string,             \
                    .mask = mask_connection_string,                                                \
                    .meaning = "Connection string of the device, or of a hub's policy with "       \
                               "DeviceConnect"),                                                   \
                ROW(prefix "AzureIoTHubDPS.GlobalDeviceEndpoint", CONF_TEXT,                       \
                    OF(azure.dps_endpoint), .fallback = AZURE_DPS_GLOBAL_ENDPOINT,                 \
                    .check = check_endpoint,                                                       \
                    .meaning = "The provisioning service, host or host:port"),                     \
                ROW(prefix "AzureIoTHubDPS.IdScope", CONF_TEXT, OF(azure.id_scope),                \
                    .check = check_id_scope, .meaning = "ID scope of the provisioning service"),   \
                ROW(prefix "AzureIoTHubDPS.GroupEnrollmentKey", CONF_TEXT, .secret = true,         \
                    OF(azure.group_enrollment_key), .check = check_key,                            \
                    .meaning = "Key of the enrolment group, from which the device's key is made"), \
                ROW(prefix "AzureIoT.DtdlModelId", CONF_TEXT, OF(azure.dtdl_model_id),             \
                    .check = check_model_id, .meaning = "DTDL model id of the device")

/* The rows of all cameras, then in the same order those of one (camera_inherit.c). */
static const struct conf_row rows[] = {
        CAMERA_ROWS("", COMMON, all_zones, all_masks, all_labels, all_private),
        CAMERA_ROWS(CAMERAS_PREFIX, ONE, one_zones, one_masks, one_labels, one_private),
        {"Application.YoloV5ModelPath", CONF_INPUT_FILE, FIELD(model), .check = check_readable,
         .meaning = "The model, ONNX: YOLOv5, v8 or later, or end to end"},
        {"Application.LabelsPath", CONF_INPUT_FILE, FIELD(labels), .check = check_readable,
         .meaning = "File with a label a line, instead of those in the model"},
        {"Application.ModelThreads", CONF_INTEGER, FIELD(model_threads), BETWEEN(0, 64),
         .meaning = "Threads that look at a picture; 0 = as many as there are cores, at most 4"},
        {"Application.ModelSize", CONF_INTEGER, FIELD(model_size), .fallback = "640",
         BETWEEN(32, 4096), .meaning = "Side of the input of a model that leaves it free"},
        {"Application.OnnxRuntimePath", CONF_INPUT_FILE, FIELD(onnx_runtime),
         .check = check_readable,
         .meaning = "The library libonnxruntime.so.1, if it is in no usual place"},
        {"Listen", CONF_TEXT, FIELD(listen), .fallback = "127.0.0.1:8081", .check = check_listen,
         .meaning = "Where the page, /healthz and /metrics are: host:port. Another than a loopback "
                    "address needs PageKey"},
        {"PageKey", CONF_TEXT, FIELD(page_key), .secret = true, .check = check_page_key,
         .meaning = "Password that whoever asks there must know, of any user name; at least 12 "
                    "characters"},
        {VAULT_REFER_PATH, CONF_TEXT, FIELD(key_vault), .spare = true, .check = check_vault,
         .meaning = VAULT_REFER_MEANING},
        {"DataDirectory", CONF_FOLDER, FIELD(data_directory), .fallback = "/var/lib/isthmus-camera",
         .meaning = "Where tallies wait for the hub; made if it is missing"},
        {"Store.MaximumBytes", CONF_INTEGER, FIELD(store_bytes), .fallback = "104857600",
         BETWEEN(1048576, INT64_C(1) << 40),
         .meaning =
                 "Most that waiting tallies may take; further ones are lost, and that is logged"},
        {"Log.Level", CONF_CHOICE, FIELD(log.level), .choices = log_levels,
         .fallback = "Information", .meaning = "Least important events that are logged"},
        {"Log.Format", CONF_CHOICE, FIELD(log.format), .choices = log_formats, .fallback = "Auto",
         .meaning = "Text for people, Json for programs; Auto is text on a terminal and JSON "
                    "elsewhere"},
        {"AzureIoT.AmqpPort", CONF_INTEGER, FIELD(amqp_port), .fallback = "5671", BETWEEN(1, 65535),
         .meaning = "Port of hubs that are named without one"},
        {"AzureIoT.TokenLifetimeMinutes", CONF_INTEGER, FIELD(token_lifetime_minutes),
         .fallback = "60", BETWEEN(5, 1440),
         .meaning = "How long a device's token is valid; it is renewed before its end"},
        {"AzureIoT.TrustedCertificates", CONF_INPUT_FILE, FIELD(trusted_certificates),
         .check = check_certificate_file,
         .meaning = "PEM file with root certificates that are trusted beside the system's"},
};

const struct conf_schema camera_schema = {
        .rows = rows,
        .row_count = ARRAY_SIZE(rows),
        .maps = maps,
        .map_count = ARRAY_SIZE(maps),
        .spellings = camera_spellings,
        .ignored = camera_ignored,
        .prepare = camera_settings_inherit,
        .finish = camera_settings_check,
        .refer = vault_refer,
        .secrets_offset = offsetof(PROGRAM, secrets),
};

void camera_settings_init(struct camera_program_settings *settings)
{
        memset(settings, 0, sizeof(*settings));
        conf_set_defaults(&camera_schema, settings);
}

void camera_settings_deinit(struct camera_program_settings *settings)
{
        conf_secrets_deinit(&settings->secrets);
        conf_free_values(&camera_schema, settings);
        free(settings->host);
        memset(settings, 0, sizeof(*settings));
}

size_t camera_settings_count(const struct camera_program_settings *settings)
{
        return settings->camera_count > 0 ? settings->camera_count : 1;
}

const struct camera_settings *camera_settings_of(const struct camera_program_settings *settings,
                                                 size_t index)
{
        return settings->camera_count > 0 ? &settings->cameras[index] : &settings->common;
}

const char *camera_settings_name(const struct camera_settings *camera)
{
        return camera->name ? camera->name : camera->device_id;
}
