// SPDX-License-Identifier: MIT
/* A device's telemetry and reported properties, compared with a model (rule W37). */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/json.h"
#include "fuzz/fuzz.h"
#include "localhub/model/models.h"

static const char text[] =
        "[{\"@id\":\"dtmi:a;1\",\"@type\":\"Interface\",\"extends\":[\"dtmi:a;1\"],\"contents\":["
        "{\"@type\":\"Telemetry\",\"name\":\"a\",\"schema\":\"date\"},{\"@type\":\"Telemetry\","
        "\"name\":\"b\",\"schema\":\"dtmi:b;1\"},{\"@type\":\"Property\",\"name\":\"p\",\"schema\":"
        "\"duration\"},{\"@type\":\"Component\",\"name\":\"c\",\"schema\":\"dtmi:a;1\"}],"
        "\"schemas\":[{\"@id\":\"dtmi:b;1\",\"@type\":\"Object\",\"fields\":[{\"name\":\"b\","
        "\"schema\":\"dtmi:b;1\"}]}]}]";

static struct models *load(void)
{
        char path[] = "/tmp/isthmus-fuzz-XXXXXX";
        struct reason reason = REASON_INIT;
        struct models *models = NULL;

        close(mkstemp(path));
        if (file_write(path, 0600, text, sizeof(text) - 1, &reason) != 0 ||
            models_load(path, &models, &reason) != 0)
                abort();
        unlink(path);
        return models;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static struct models *models;
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *value =
                json_parse_foreign((const char *)bytes, size, 64, 1000, &reason);
        CLEANUP(json_cleanup) struct json_object *warnings = json_object_new_array();

        models = models ? models : load();
        models_check_telemetry(models, "dtmi:a;1", NULL, value, warnings);
        models_check_telemetry(models, "dtmi:a;1", "c", value, warnings);
        models_check_reported(models, "dtmi:a;1", value, warnings);
        return 0;
}
