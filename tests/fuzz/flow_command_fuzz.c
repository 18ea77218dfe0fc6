// SPDX-License-Identifier: MIT
/*
 * Commands from the cloud: the first byte says whether the rest is the payload of a method, the
 * body of a message, or a record of the ledger.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "flow/command.h"
#include "flow/command_translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_record(const char *text, size_t size)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct command *command = command_decode(text, size, &reason);
        struct command *again;

        if (!command) {
                require(reason.text[0] != '\0');
                return;
        }
        command_encode(command, &record);
        again = command_decode(record.data, record.size, &reason);
        require(again && strcmp(again->identity, command->identity) == 0);
        command_free(again);
        command_free(command);
}

static void check_payload(const char *text, size_t size, const char *method_name)
{
        static char name[] = "value_0";
        struct settings_method method = {.name = name, .port = 10};
        static const struct hub_message_property port = {"Port", "10"};
        CLEANUP(downlink_deinit) struct downlink downlink = DOWNLINK_INIT;
        struct settings settings = {.azure = {.methods = &method, .method_count = 1}};
        struct command_source source = {
                .application = "a",
                .method = method_name,
                .properties = &port,
                .property_count = 1,
                .payload = text,
                .payload_size = size,
        };
        const struct settings_method *found;
        struct reason reason = REASON_INIT;
        struct json_object *decoded;

        if (command_translate(&settings, &source, &downlink, &found, &reason) != 0) {
                require(reason.text[0] != '\0');
                return;
        }
        require((downlink.payload != NULL) != (downlink.decoded != NULL));
        if (!downlink.decoded)
                return;
        decoded = json_parse(downlink.decoded, strlen(downlink.decoded), 64, JSON_STRICT, NULL);
        require(json_object_is_type(decoded, json_type_object));
        json_object_put(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        const char *text = (const char *)bytes + 1;

        if (size == 0)
                return 0;
        switch (bytes[0] % 3) {
        case 0:
                check_payload(text, size - 1, "value_0");
                break;
        case 1:
                check_payload(text, size - 1, NULL);
                break;
        default:
                check_record(text, size - 1);
                break;
        }
        return 0;
}
