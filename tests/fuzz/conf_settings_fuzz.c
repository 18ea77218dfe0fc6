// SPDX-License-Identifier: MIT
/*
 * Any bytes as a configuration file: no crash, nothing is refused without a mistake that says why,
 * and what is shown of usable settings is JSON.
 */
#include <stdlib.h>

#include "base/json/json.h"
#include "conf/engine/document.h"
#include "fuzz/fuzz.h"
#include "support/load_settings.h"

static void check_report(const struct conf_report *report)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        for (size_t i = 0; i < report->count; i++) {
                const struct conf_finding *finding = &report->findings[i];

                if (!finding->sentence || !finding->sentence[0])
                        abort();
                if (finding->line < 0 || (finding->line > 0 && finding->column < 1))
                        abort();
        }
        conf_report_write(report, "fuzz.json", CONF_NOTE, &said);
}

static void check_shown(const struct settings *settings, const struct conf_report *report)
{
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *value = NULL;

        conf_show(settings_schema(), settings, report, &shown);
        value = json_parse(shown.data, shown.size, 2 * CONF_DOCUMENT_DEPTH, JSON_STRICT, NULL);
        if (!value)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct conf_source source = {.file = "/nowhere/fuzz.json"};
        struct conf_report report = CONF_REPORT_INIT;
        struct settings settings;
        int result;

        settings_init(&settings);
        result = load_settings_text(&source, (const char *)data, size, &settings, &report);
        if ((result != 0) != (report.mistakes > 0))
                abort();
        check_report(&report);
        if (result == 0)
                check_shown(&settings, &report);
        settings_deinit(&settings);
        conf_report_deinit(&report);
        return 0;
}
