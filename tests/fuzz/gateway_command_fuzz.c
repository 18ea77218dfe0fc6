// SPDX-License-Identifier: MIT
/*
 * Commands from the cloud: the first byte says whether the rest is the payload of a method or the
 * body of a message, for which network; a record of the ledger; or what a network's API answers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "gateway/command/command.h"
#include "gateway/command/command_translate.h"
#include "networks/network.h"

static void free_command(struct command **command)
{
        command_free(*command);
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

/* With a payload formatter there is no payload yet, else there is one of both. */
static void check_payload(const char *text, size_t size, const char *network,
                          const char *method_name, const char *formatter)
{
        static char name[] = "value_0";
        struct settings_method method = {.name = name, .port = 10};
        static const struct property port = {"Port", "10"};
        CLEANUP(free_command) struct command *command = mem_new(1, sizeof(*command));
        const struct downlink *downlink = &command->downlink;
        struct settings settings = {.azure = {.methods = &method, .method_count = 1}};
        struct command_source source = {
                .driver = network_by_name(network)->downlink,
                .device_formatter = formatter,
                .application = "a",
                .method = method_name,
                .properties = &port,
                .property_count = 1,
                .payload = text,
                .payload_size = size,
        };
        struct reason reason = REASON_INIT;
        struct json_object *decoded;

        if (command_translate(&settings, &source, command, &reason) != 0) {
                require(reason.text[0] != '\0');
                return;
        }
        require(!(downlink->payload && downlink->decoded));
        require(command->formatter || downlink->payload || downlink->decoded);
        require(source.driver->encodes || command->formatter || downlink->payload);
        if (!downlink->decoded)
                return;
        decoded = json_parse(downlink->decoded, strlen(downlink->decoded), 64, JSON_STRICT, NULL);
        require(json_object_is_type(decoded, json_type_object));
        json_object_put(decoded);
}

/* What a network's API answers: the first byte chooses the status. */
static void check_answer(const char *text, size_t size)
{
        static const int statuses[] = {200, 400, 401, 404, 409, 429, 500};
        int status = size > 0 ? statuses[(unsigned char)text[0] % ARRAY_SIZE(statuses)] : 204;
        const struct downlink downlink = {.reference = "x"};
        char own_id[CRYPTO_UUID_SIZE];

        for (size_t i = 0; networks[i]; i++) {
                struct reason reason = REASON_INIT;
                enum downlink_answer answer =
                        networks[i]->downlink->answer(status, text, size, &reason);

                require((answer == DOWNLINK_TAKEN) == (status < 300));
                require((answer == DOWNLINK_TAKEN) == (reason.text[0] == '\0'));
                if (networks[i]->downlink->is_listed)
                        require(networks[i]->downlink->is_listed(&downlink, text, size, own_id) <=
                                DOWNLINK_LISTED_SENT);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        const char *text = (const char *)bytes + 1;

        if (size == 0)
                return 0;
        /* The digit 0 is case 0. */
        switch ((bytes[0] + 1) % 7) {
        case 0:
                check_payload(text, size - 1, "things-stack", "value_0", NULL);
                break;
        case 1:
                check_payload(text, size - 1, "things-stack", NULL, NULL);
                break;
        case 2:
                check_record(text, size - 1);
                break;
        case 3:
                check_payload(text, size - 1, "myriota", "value_0", NULL);
                break;
        case 4:
                check_payload(text, size - 1, "myriota", NULL, NULL);
                break;
        case 5:
                check_payload(text, size - 1, "myriota", "value_0", "formatter");
                break;
        default:
                check_answer(text, size - 1);
                break;
        }
        return 0;
}
