// SPDX-License-Identifier: MIT
/* Configurations of the camera, zones above all: any text is taken or refused with a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "camera/settings/camera_settings.h"
#include "fuzz/fuzz.h"

static void check_polygon(const struct polygon *polygon)
{
        if (polygon->count < 3 || polygon->count > ZONE_POINTS_MAX)
                abort();
        for (size_t i = 0; i < polygon->count; i++) {
                for (size_t j = 0; j < 2; j++) {
                        if (!(polygon->points[i][j] >= 0 && polygon->points[i][j] <= 1))
                                abort();
                }
        }
        (void)polygon_holds(polygon, 0.5F, 0.5F);
}

static void read_polygon(const uint8_t *data, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)data, size);
        struct polygon polygon;
        struct reason reason = REASON_INIT;

        if (polygon_read(text, &polygon, &reason))
                check_polygon(&polygon);
        else if (reason.text[0] == '\0')
                abort();
}

static void read_settings(const uint8_t *data, size_t size)
{
        const struct conf_source source = {.file = "/nowhere/fuzz.json"};
        CLEANUP(conf_report_deinit) struct conf_report report = CONF_REPORT_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        struct camera_program_settings settings;

        buf_add(&text, data, size);
        camera_settings_init(&settings);
        if (conf_load_text(&camera_schema, &source, &text, &settings, &report) == 0) {
                for (size_t i = 0; i < camera_settings_count(&settings); i++) {
                        const struct camera_settings *camera = camera_settings_of(&settings, i);

                        for (size_t j = 0; j < camera->zone_count; j++)
                                check_polygon(&camera->zones[j].polygon);
                }
        } else if (report.mistakes == 0) {
                abort();
        }
        conf_show(&camera_schema, &settings, &report, &shown);
        camera_settings_deinit(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        read_polygon(data, size);
        read_settings(data, size);
        return 0;
}
