// SPDX-License-Identifier: MIT
/* `isthmus dtdl from-labels`: the interface that spares typing eighty labels into IoT Central. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "camera/count/zone.h"
#include "camera/detect/model_labels.h"
#include "camera/settings/camera_settings.h"
#include "cli/camera/dtdl_interface.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "conf/engine/configuration.h"

#define DEFAULT_ID "dtmi:isthmus:camera;1"

struct dtdl {
        const char *config;
        const char *model;
        const char *labels;
        const char *only;
        const char *id;
        const char *name;
        int64_t version;
        bool details;
        struct dtdl_zone zones[DTDL_ZONES_MAX];
        size_t zone_count;
        struct camera_program_settings settings; /* of `config` */
};

static bool read_zone(void *target, const char *text, struct reason *reason)
{
        struct dtdl *dtdl = target;
        size_t length = strcspn(text, "=");

        if (length == 0 || length > ZONE_NAME_MAX || dtdl->zone_count == DTDL_ZONES_MAX) {
                reason_set(reason,
                           "--zone needs a name of at most %d characters, and may be given "
                           "%d times",
                           ZONE_NAME_MAX, DTDL_ZONES_MAX);
                return false;
        }
        dtdl->zones[dtdl->zone_count++] = (struct dtdl_zone){
                .name = mem_text_n(text, length),
                .labels = text[length] == '=' ? mem_text(text + length + 1) : NULL,
        };
        return true;
}

/* --- from a configuration -------------------------------------------------------------------- */

static char *join(const struct conf_texts *texts)
{
        CLEANUP(buf_deinit) struct buf joined = BUF_INIT;

        for (size_t i = 0; i < texts->count; i++)
                buf_add_format(&joined, "%s%s", i > 0 ? "," : "", texts->texts[i]);
        return texts->count > 0 ? mem_text(buf_text(&joined)) : NULL;
}

/* Cameras that share a model may share the names of zones: what one of them counts is in it. */
static void add_to_zone(struct dtdl_zone *zone, char *labels)
{
        char *both = zone->labels && labels ? mem_format("%s,%s", zone->labels, labels) : NULL;

        free(zone->labels);
        free(labels);
        zone->labels = both;
}

/* What an option says of a zone, of which there are `own`, wins. False if there are too many. */
static bool adopt_zone(struct dtdl *dtdl, size_t own, const struct camera_area *zone)
{
        for (size_t i = 0; i < dtdl->zone_count; i++) {
                if (!text_equal(dtdl->zones[i].name, zone->name))
                        continue;
                if (i >= own)
                        add_to_zone(&dtdl->zones[i], join(&zone->labels));
                return true;
        }
        if (dtdl->zone_count == DTDL_ZONES_MAX)
                return false;
        dtdl->zones[dtdl->zone_count++] =
                (struct dtdl_zone){.name = mem_text(zone->name), .labels = join(&zone->labels)};
        return true;
}

static bool adopt(struct dtdl *dtdl)
{
        const struct camera_program_settings *settings = &dtdl->settings;
        size_t own = dtdl->zone_count;

        if (!dtdl->model && !dtdl->labels) {
                dtdl->model = settings->model;
                dtdl->labels = settings->labels;
        }
        for (size_t i = 0; i < camera_settings_count(settings); i++) {
                const struct camera_settings *camera = camera_settings_of(settings, i);

                if (!dtdl->id)
                        dtdl->id = camera->azure.dtdl_model_id;
                dtdl->details = dtdl->details || camera->details;
                for (size_t z = 0; z < camera->zone_count; z++) {
                        if (!adopt_zone(dtdl, own, &camera->zones[z]))
                                return false;
                }
        }
        return true;
}

static int read_config(struct dtdl *dtdl)
{
        const struct conf_source source = {.file = dtdl->config};
        struct conf_report report = CONF_REPORT_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int result = conf_load_file(&camera_schema, &source, &dtdl->settings, &report);

        if (result != 0) {
                conf_report_write(&report, dtdl->config, CONF_MISTAKE, &text);
                fputs(buf_text(&text), stderr);
        }
        conf_report_deinit(&report);
        if (result != 0)
                return CLI_USAGE;
        return adopt(dtdl) ? CLI_GOOD
                           : terminal_fail("dtdl", "there are more than %d zones", DTDL_ZONES_MAX);
}

/* --- the interface --------------------------------------------------------------------------- */

static int read_labels(const struct dtdl *dtdl, struct labels *labels, struct reason *reason)
{
        if (dtdl->labels)
                return labels_read_file(dtdl->labels, labels, reason);
        if (dtdl->model)
                return model_labels_read(dtdl->model, labels, reason);
        labels_coco(labels);
        return 0;
}

static int from_labels(void *target)
{
        struct dtdl *dtdl = target;
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;

        int status = dtdl->config ? read_config(dtdl) : CLI_GOOD;

        if (status != CLI_GOOD)
                return status;
        if (read_labels(dtdl, &labels, &reason) != 0)
                return terminal_fail("dtdl", "%s", reason.text);
        if (!dtdl_interface(&(struct dtdl_options){.labels = &labels,
                                                   .only = dtdl->only,
                                                   .id = dtdl->id ? dtdl->id : DEFAULT_ID,
                                                   .display_name = dtdl->name,
                                                   .zones = dtdl->zones,
                                                   .zone_count = dtdl->zone_count,
                                                   .details = dtdl->details,
                                                   .version = dtdl->version},
                            &out, &reason))
                return terminal_fail("dtdl", "%s", reason.text);
        return terminal_write(&out) ? CLI_GOOD : CLI_FAILED;
}

static const struct options_action actions[] = {
        {"from-labels", "[options]", NULL, 0, 0, from_labels},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_CONFIG(struct dtdl, config,
                      "the camera's settings: model, labels, zones, details and model id are taken "
                      "from there, unless an option says something else"),
        OPTION_TEXT(struct dtdl, model, "model", "FILE",
                    "the model, ONNX, whose labels are taken; a model that names none has COCO's"),
        OPTION_TEXT(struct dtdl, labels, "labels", "FILE",
                    "a label a line, instead of those in the model"),
        OPTION_TEXT(struct dtdl, only, "only", "LABEL,LABEL",
                    "these labels only, for example those of PredictionLabelsOfInterest"),
        OPTION_READ("zone", "NAME[=LABEL,LABEL]",
                    "also telemetry for each label, or for these, in a zone of that name; may be "
                    "repeated",
                    read_zone),
        OPTION_SWITCH(struct dtdl, details, "details",
                      "also the list of things that Telemetry.Details sends"),
        OPTION_TEXT(struct dtdl, id, "id", "DTMI",
                    "the interface's id, the camera's AzureIoT.DtdlModelId (default " DEFAULT_ID
                    ")"),
        OPTION_TEXT(struct dtdl, name, "name", "TEXT", "how it is displayed (default Camera)"),
        OPTION_NUMBER(struct dtdl, version, "dtdl", "VERSION", 2, 3,
                      "the version of DTDL, 2 or 3 (default 2; IoT Central takes no other)"),
        {.name = NULL},
};

const struct options isthmus_dtdl_options = {
        .command = "dtdl",
        .summary = "Prints the DTDL interface of an isthmus-camera, to be imported as a device "
                   "template into IoT Central: a whole number of telemetry for each label, as the "
                   "camera names it (traffic light becomes traffic_light), its commands and its "
                   "properties.",
        .actions = actions,
        .rows = rows,
        .notes = "Without a model and --labels the labels are the 80 of COCO.\n\n"
                 "Exit status: 0 it was printed, 1 it can't be made, 2 wrong usage.",
};

int isthmus_dtdl(int argc, char **argv)
{
        struct dtdl dtdl = {.name = "Camera", .version = 2};
        struct options_found found;
        int status;

        camera_settings_init(&dtdl.settings);
        if (options_read(&isthmus_dtdl_options, argc, argv, &dtdl, &found, &status))
                status = found.action->run(&dtdl);
        for (size_t i = 0; i < dtdl.zone_count; i++) {
                free(dtdl.zones[i].name);
                free(dtdl.zones[i].labels);
        }
        camera_settings_deinit(&dtdl.settings);
        return status;
}
