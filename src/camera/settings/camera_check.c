// SPDX-License-Identifier: MIT
/* What one setting demands of another, and what follows from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/connection_string.h"
#include "azure/device_id.h"
#include "azure/endpoint.h"
#include "azure/storage/storage_account.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/settings/camera_rows.h"
#include "camera/settings/camera_settings.h"
#include "camera/settings/time_span.h"
#include "conf/checks.h"
#include "conf/engine/load.h"
#include "conf/signature_check.h"

/* A camera, with the way to say something of its settings. */
struct checked {
        struct conf_load *load;
        struct camera_settings *camera;
};

/* `within` NULL, or the name of a zone or the like that stands for the path's star. */
static struct conf_subject subject_of(const struct checked *checked, const char *path,
                                      const char *within, char full[128])
{
        const char *name = checked->camera->name;

        snprintf(full, 128, "%s%s", name ? CAMERAS_PREFIX : "", path);
        return (struct conf_subject){
                .path = full,
                .captures = {name ? name : within, name ? within : NULL},
        };
}

static void say(const struct checked *checked, enum conf_severity severity, const char *path,
                const char *sentence)
{
        char full[128];
        const struct conf_subject subject = subject_of(checked, path, NULL, full);

        conf_say_about(checked->load, severity, &subject, "%s", sentence);
}

static void say_of(const struct checked *checked, const char *path, const char *within,
                   const char *sentence)
{
        char full[128];
        const struct conf_subject subject = subject_of(checked, path, within, full);

        conf_say_about(checked->load, CONF_MISTAKE, &subject, "%s", sentence);
}

/* True if something is said of the setting, be it good or bad. */
static bool is_given(const struct checked *checked, const char *path)
{
        char full[128];
        const struct conf_subject subject = subject_of(checked, path, NULL, full);
        const struct conf_binding *binding = conf_find_binding(checked->load, &subject);

        return binding && !text_is_empty(binding->entry->text);
}

/* --- where pictures come from ---------------------------------------------------------------- */

static void check_address(const struct checked *checked, const char *url)
{
        static const char *const schemes[] = {"http://", "https://", "rtsp://", "rtsps://"};

        for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
                size_t size = strlen(schemes[i]);

                if (strncasecmp(url, schemes[i], size) != 0)
                        continue;
                if (memchr(url, '@', size + strcspn(url + size, "/?")))
                        say(checked, CONF_MISTAKE, "SecurityCamera.CameraUrl",
                            "user and password don't belong into this address, which is logged; "
                            "give CameraUserName and CameraUserPassword");
                return;
        }
        say(checked, CONF_MISTAKE, "SecurityCamera.CameraUrl",
            "this address must begin with http://, https:// or rtsp://");
}

static void check_source(const struct checked *checked)
{
        struct camera_settings *camera = checked->camera;
        int count = (camera->security.url ? 1 : 0) + (camera->source.file ? 1 : 0) +
                    (camera->source.folder ? 1 : 0) + (camera->source.device ? 1 : 0) +
                    (camera->source.command.count > 0 ? 1 : 0);

        camera->raspberry.is_given = is_given(checked, "RaspberryPICamera.Rotation") ||
                                     is_given(checked, "RaspberryPICamera.ProcessWaitForExit");
        if (camera->security.url)
                check_address(checked, camera->security.url);
        if (count > 1)
                say(checked, CONF_MISTAKE, "SecurityCamera.CameraUrl",
                    "a camera has one source; remove all but one of SecurityCamera.CameraUrl, "
                    "Source.File, Source.Folder, Source.Device and Source.Command");
        else if (count == 1 && camera->raspberry.is_given)
                say(checked, CONF_NOTE, "RaspberryPICamera.Rotation",
                    "has no effect, because another source is given");
        else if (count == 0 && !camera->raspberry.is_given &&
                 !is_given(checked, "SecurityCamera.CameraUrl"))
                say(checked, CONF_MISTAKE, "SecurityCamera.CameraUrl",
                    "this camera has no source; give SecurityCamera.CameraUrl, "
                    "RaspberryPICamera.Rotation, Source.File, Source.Folder, Source.Device or "
                    "Source.Command");
        if (!camera->security.user && camera->security.password)
                say(checked, CONF_MISTAKE, "SecurityCamera.CameraUserName",
                    "there is a CameraUserPassword; its user is missing");
}

/* --- what counts ----------------------------------------------------------------------------- */

static void derive_areas(const struct checked *checked, struct camera_area *areas, size_t count,
                         const char *path)
{
        _Static_assert(ZONE_NAME_MAX == 64, "what is said of a name below");

        for (size_t i = 0; i < count; i++) {
                struct reason reason = REASON_INIT;

                if (areas[i].name[0] == '\0' || strlen(areas[i].name) > ZONE_NAME_MAX)
                        say_of(checked, path, areas[i].name,
                               "a name of 1 to 64 bytes belongs before this");
                if (!areas[i].corners)
                        say_of(checked, path, areas[i].name,
                               "the corners are missing: [[x, y], [x, y], [x, y]]");
                else if (!polygon_read(areas[i].corners, &areas[i].polygon, &reason))
                        say_of(checked, path, areas[i].name, reason.text);
        }
}

/* A list that was given and is empty, which for .NET is not the same as none. */
static bool has_empty_list(const struct checked *checked, const char *path)
{
        const struct conf_entries *entries = &checked->load->entries;
        const char *name = checked->camera->name;
        bool is_found = false;

        for (size_t i = 0; i < entries->count && !is_found; i++) {
                struct conf_names own = {.depth = 0};
                struct conf_match match;

                if (entries->items[i].shape != CONF_LIST || entries->items[i].written.depth == 0)
                        continue;
                conf_schema_spell(checked->load->schema, &entries->items[i].written, &own);
                is_found = conf_schema_match(checked->load->schema, &own, &match) &&
                           text_equal_nocase(match.row->path + (match.capture_count > 0
                                                                        ? strlen(CAMERAS_PREFIX)
                                                                        : 0),
                                             path) &&
                           (match.capture_count == 0 || text_equal(match.captures[0], name));
                conf_names_deinit(&own);
        }
        return is_found;
}

static void check_counting(const struct checked *checked)
{
        struct camera_settings *camera = checked->camera;
        bool is_empty = camera->labels_of_interest.count == 0 &&
                        has_empty_list(checked, "Application.PredictionLabelsOfInterest");

        time_span_read(camera->timer_due, &camera->due_ms);
        time_span_read(camera->timer_period, &camera->period_ms);
        camera->has_labels_of_interest = camera->labels_of_interest.count > 0 || is_empty;
        if (is_empty)
                say(checked, CONF_WARNING, "Application.PredictionLabelsOfInterest",
                    "this list is empty, so nothing is of interest and nothing is sent; leave it "
                    "out if everything is");
        derive_areas(checked, camera->zones, camera->zone_count, "Zones.*.Polygon");
        derive_areas(checked, camera->masks, camera->mask_count, "Masks.*.Polygon");
        derive_areas(checked, camera->private_areas, camera->private_area_count,
                     "Privacy.Areas.*.Polygon");
}

/* --- the way to Azure ------------------------------------------------------------------------ */

static void set_text(char **field, const char *text)
{
        free(*field);
        *field = mem_text(text);
}

static void adopt_device_of_string(const struct checked *checked)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;
        struct camera_settings *camera = checked->camera;
        struct reason reason;

        if (!connection_string_parse(camera->azure.connection_string, &parsed, &reason) ||
            !parsed.device_id)
                return;
        if (camera->device_id && !text_equal(camera->device_id, parsed.device_id))
                say(checked, CONF_WARNING, "Application.DeviceID",
                    "has no effect: the connection string is of another device, and that is the "
                    "one");
        set_text(&camera->device_id, parsed.device_id);
}

static void check_azure(const struct checked *checked)
{
        struct camera_settings *camera = checked->camera;
        bool has_string = is_given(checked, "AzureIoTHub.ConnectionString");
        bool has_scope = is_given(checked, "AzureIoTHubDPS.IdScope");
        bool has_key = is_given(checked, "AzureIoTHubDPS.GroupEnrollmentKey");

        if (has_string && (has_scope || has_key))
                say(checked, CONF_MISTAKE, "AzureIoTHub.ConnectionString",
                    "both a connection string and a provisioning service are configured; remove "
                    "the one that is not meant");
        else if (!has_string && !has_scope && !has_key)
                say(checked, CONF_MISTAKE, "AzureIoTHub.ConnectionString",
                    "there is no way to Azure; give this, or AzureIoTHubDPS.IdScope and "
                    "GroupEnrollmentKey");
        else if (!has_string && !has_scope)
                say(checked, CONF_MISTAKE, "AzureIoTHubDPS.IdScope",
                    "the provisioning service needs its ID scope here");
        else if (!has_string && !has_key)
                say(checked, CONF_MISTAKE, "AzureIoTHubDPS.GroupEnrollmentKey",
                    "the provisioning service needs the enrolment group's key here");
        if (camera->azure.connection_string)
                adopt_device_of_string(checked);
        if (!camera->device_id && camera->name)
                set_text(&camera->device_id, camera->name);
}

static void check_device_id(const struct checked *checked)
{
        struct reason reason = REASON_INIT;
        const char *id = checked->camera->device_id;

        if (!id)
                say(checked, CONF_MISTAKE, "Application.DeviceID",
                    conf_secret_is_awaited(checked->camera->azure.connection_string)
                            ? "the device's id is missing; it must stand here when the connection "
                              "string is in a Key Vault"
                            : "the device's id is missing");
        else if (!(checked->camera->azure.id_scope ? device_id_is_registration_id(id, &reason)
                                                   : device_id_is_valid(id, &reason)))
                say(checked, CONF_MISTAKE, "Application.DeviceID", reason.text);
}

/* Without tags or a new container a picture can go there all the same. */
static void check_storage(const struct checked *checked)
{
        static const char path[] = "AzureStorage.ConnectionString";
        static const struct signature_need needs[] = {{.right = '\0'}};
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;
        const char *text = checked->camera->storage.connection_string;
        struct reason reason = REASON_INIT;
        char full[128];
        const struct conf_subject subject = subject_of(checked, path, NULL, full);

        if (!text || !storage_account_parse(text, &account, &reason))
                return;
        signature_check(checked->load, &subject, &account, STORAGE_BLOB, needs);
        if (!storage_account_may(&account, 'c') && !storage_account_may(&account, 'w'))
                say(checked, CONF_MISTAKE, path,
                    "its SharedAccessSignature lacks the right 'create' (c) or 'write' (w), "
                    "without which no picture can be uploaded");
}

/* --- the program ----------------------------------------------------------------------------- */

static void place_file(const char *folder, char **path)
{
        char *placed;

        if (!*path)
                return;
        placed = conf_absolute(folder, *path);
        free(*path);
        *path = placed;
}

static void check_camera(struct conf_load *load, struct camera_settings *camera)
{
        const struct camera_program_settings *settings = load->target;
        const struct checked checked = {.load = load, .camera = camera};

        check_source(&checked);
        check_counting(&checked);
        check_azure(&checked);
        check_device_id(&checked);
        check_storage(&checked);
        place_file(load->folder, &camera->source.file);
        /* A configuration's folder is no place to write to. */
        place_file(settings->data_directory, &camera->camera_file);
        place_file(settings->data_directory, &camera->marked_up_file);
}

static bool is_same(const char *a, const char *b)
{
        return a && text_equal(a, b);
}

static void compare(struct conf_load *load, struct camera_settings *camera,
                    const struct camera_settings *other)
{
        const struct checked checked = {.load = load, .camera = camera};

        if (is_same(camera->device_id, other->device_id))
                say(&checked, CONF_MISTAKE, "Application.DeviceID",
                    "another camera is the same device");
        if (is_same(camera->camera_file, other->camera_file))
                say(&checked, CONF_MISTAKE, "Application.ImageCameraFilepath",
                    "another camera writes the same file");
        if (is_same(camera->marked_up_file, other->marked_up_file))
                say(&checked, CONF_MISTAKE, "Application.ImageMarkedUpFilepath",
                    "another camera writes the same file");
}

static void check_program(struct conf_load *load, struct camera_program_settings *settings)
{
        static const struct conf_subject listen = {.path = "Listen"};
        static const struct conf_subject model = {.path = "Application.YoloV5ModelPath"};
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;

        listen_split(settings->listen, &host, &settings->port);
        free(settings->host);
        settings->host = mem_text(buf_text(&host));
        if (!settings->page_key && !endpoint_is_loopback(settings->host))
                conf_say_about(
                        load, CONF_MISTAKE, &listen,
                        "other machines can reach this address; give a PageKey, or 127.0.0.1, "
                        "[::1] or localhost");
        if (!settings->model && !conf_find_binding(load, &model))
                conf_say_about(load, CONF_MISTAKE, &model,
                               "the model is missing; docs/camera.md says where to get one");
}

void camera_settings_check(struct conf_load *load)
{
        struct camera_program_settings *settings = load->target;

        check_program(load, settings);
        if (settings->camera_count == 0)
                check_camera(load, &settings->common);
        for (size_t i = 0; i < settings->camera_count; i++) {
                check_camera(load, &settings->cameras[i]);
                for (size_t j = 0; j < i; j++)
                        compare(load, &settings->cameras[i], &settings->cameras[j]);
        }
}
