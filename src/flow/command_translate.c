// SPDX-License-Identifier: MIT
#include "flow/command_translate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* IoT Central's mark for a command that has no request payload. */
#define NO_PAYLOAD_MARK "@"

#define PAYLOAD_DEPTH 32

/* LoRaWAN's application ports. */
#define PORT_MIN 1
#define PORT_MAX 223

const char *command_property(const struct command_source *source, const char *name)
{
        for (size_t i = 0; i < source->property_count; i++) {
                if (text_equal_nocase(source->properties[i].name, name))
                        return source->properties[i].value;
        }
        return NULL;
}

/* --- properties of a cloud-to-device message ----------------------------------------------- */

static int read_port(const struct command_source *source, struct downlink *downlink,
                     struct reason *reason)
{
        const char *text = command_property(source, "Port");
        int64_t port;

        if (!text) {
                reason_set(reason, "the property Port is missing (a number from %d to %d)",
                           PORT_MIN, PORT_MAX);
                return COMMAND_E_INVALID;
        }
        if (!text_to_int64(text, PORT_MIN, PORT_MAX, &port)) {
                reason_set(reason, "the property Port is '%.32s', not a number from %d to %d", text,
                           PORT_MIN, PORT_MAX);
                return COMMAND_E_INVALID;
        }
        downlink->port = (uint8_t)port;
        return 0;
}

static int read_confirmed(const struct command_source *source, struct downlink *downlink,
                          struct reason *reason)
{
        const char *text = command_property(source, "Confirmed");

        downlink->confirmed = text_equal_nocase(text, "true");
        if (!text || downlink->confirmed || text_equal_nocase(text, "false"))
                return 0;
        reason_set(reason, "the property Confirmed is '%.32s', neither true nor false", text);
        return COMMAND_E_INVALID;
}

static int read_priority(const struct command_source *source, struct downlink *downlink,
                         struct reason *reason)
{
        static const char *const names[] = {"Lowest",      "Low",  "BelowNormal", "Normal",
                                            "AboveNormal", "High", "Highest"};
        const char *text = command_property(source, "Priority");
        int64_t number;

        downlink->priority = DOWNLINK_NORMAL;
        if (!text)
                return 0;
        if (text_to_int64(text, DOWNLINK_LOWEST, DOWNLINK_HIGHEST, &number)) {
                downlink->priority = (enum downlink_priority)number;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (text_equal_nocase(text, names[i])) {
                        downlink->priority = (enum downlink_priority)i;
                        return 0;
                }
        }
        reason_set(reason,
                   "the property Priority is '%.32s', none of Lowest, Low, BelowNormal, Normal, "
                   "AboveNormal, High, Highest",
                   text);
        return COMMAND_E_INVALID;
}

static int read_queue(const struct command_source *source, struct downlink *downlink,
                      struct reason *reason)
{
        const char *text = command_property(source, "Queue");

        downlink->replace = text_equal_nocase(text, "Replace");
        if (!text || downlink->replace || text_equal_nocase(text, "Push"))
                return 0;
        reason_set(reason, "the property Queue is '%.32s', neither Push nor Replace", text);
        return COMMAND_E_INVALID;
}

/* --- payloads ------------------------------------------------------------------------------ */

/* The payload without white space around it. */
static void trim(const struct command_source *source, const char **text, size_t *size)
{
        const char *start = source->payload_size > 0 ? source->payload : "";
        const char *end = start + source->payload_size;

        while (start < end && memchr(" \t\r\n\v\f", *start, 6))
                start++;
        while (end > start && memchr(" \t\r\n\v\f", end[-1], 6))
                end--;
        *text = start;
        *size = (size_t)(end - start);
}

static bool is_text(const char *text, size_t size, const char *wanted)
{
        return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

static char *write_value(struct json_object *value)
{
        struct buf text = BUF_INIT;

        json_write(&text, value);
        return buf_take(&text);
}

/* `{ METHOD: value }`; takes the value. */
static char *wrap(const char *method, struct json_object *value)
{
        CLEANUP(json_cleanup) struct json_object *object = json_object_new_object();

        json_object_object_add(object, method, value);
        return write_value(object);
}

/* Rule D2: what the settings say when the command brings nothing. */
static int configured_payload(const struct settings_method *method, struct downlink *downlink,
                              struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *value = NULL;

        if (text_is_empty(method->payload)) {
                downlink->decoded = mem_text("{}");
                return 0;
        }
        value = json_parse(method->payload, strlen(method->payload), PAYLOAD_DEPTH, JSON_STRICT,
                           NULL);
        if (json_object_is_type(value, json_type_object)) {
                downlink->decoded = write_value(value);
                return 0;
        }
        if (value) {
                downlink->decoded = wrap(method->name, json_object_get(value));
                return 0;
        }
        reason_set(reason, "Methods.%s.Payload is not JSON", method->name);
        return COMMAND_E_INVALID;
}

/* Rules D1 and D2: the payload of an IoT Central command or direct method. */
static int method_payload(const struct command_source *source, const struct settings_method *method,
                          struct downlink *downlink, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *value = NULL;
        const char *text;
        size_t size;

        trim(source, &text, &size);
        if (size == 0 || is_text(text, size, NO_PAYLOAD_MARK) || is_text(text, size, "null") ||
            is_text(text, size, "\"\"") || is_text(text, size, "\"" NO_PAYLOAD_MARK "\""))
                return configured_payload(method, downlink, reason);
        value = json_parse(text, size, PAYLOAD_DEPTH, JSON_STRICT, NULL);
        if (json_object_is_type(value, json_type_object)) {
                downlink->decoded = write_value(value);
                return 0;
        }
        if (!value && !text_is_utf8(text, size)) {
                reason_set(reason, "the payload of '%s' is neither JSON nor text", source->method);
                return COMMAND_E_INVALID;
        }
        downlink->decoded =
                wrap(source->method,
                     value ? json_object_get(value) : json_object_new_string_len(text, (int)size));
        return 0;
}

/* Rule D1: the payload of a cloud-to-device message. */
static int message_payload(const struct settings *settings, const struct command_source *source,
                           struct downlink *downlink, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *value = NULL;
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct reason fault = REASON_INIT;
        const char *text;
        size_t size;

        trim(source, &text, &size);
        if (size > 0 && (text[0] == '{' || text[0] == '[')) {
                value = json_parse(text, size, PAYLOAD_DEPTH, JSON_STRICT, &fault);
                if (json_object_is_type(value, json_type_object)) {
                        downlink->decoded = write_value(value);
                        return 0;
                }
        }
        if (crypto_base64_decode(&bytes, text, size)) {
                downlink->payload = mem_text_n(text, size);
                return 0;
        }
        if (settings->commands.raw_text_payload) {
                buf_clear(&bytes);
                crypto_base64_encode(&bytes, text, size);
                downlink->payload = buf_take(&bytes);
                return 0;
        }
        if (value)
                reason_set(reason, "the body is a JSON array; the network takes an object only");
        else if (fault.text[0] != '\0')
                reason_set(reason, "the body is no JSON object (%s) and no base64", fault.text);
        else
                reason_set(reason, "the body is neither a JSON object nor base64");
        return COMMAND_E_INVALID;
}

/* --- both ways ----------------------------------------------------------------------------- */

static int translate_method(const struct settings *settings, const struct command_source *source,
                            struct downlink *downlink, const struct settings_method **method,
                            struct reason *reason)
{
        *method = settings_method(settings, source->application, source->method);
        if (!*method) {
                reason_set(reason, "there is no entry '%.64s' below AzureIoT.Methods",
                           source->method);
                return COMMAND_E_UNKNOWN;
        }
        downlink->port = (uint8_t)(*method)->port;
        downlink->confirmed = (*method)->confirmed;
        downlink->priority = (enum downlink_priority)(*method)->priority;
        downlink->replace = (*method)->queue == SETTINGS_QUEUE_REPLACE;
        return method_payload(source, *method, downlink, reason);
}

static int translate_message(const struct settings *settings, const struct command_source *source,
                             struct downlink *downlink, struct reason *reason)
{
        static int (*const readers[])(const struct command_source *, struct downlink *,
                                      struct reason *) = {
                read_port,
                read_confirmed,
                read_priority,
                read_queue,
        };

        for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
                int result = readers[i](source, downlink, reason);

                if (result != 0)
                        return result;
        }
        return message_payload(settings, source, downlink, reason);
}

int command_translate(const struct settings *settings, const struct command_source *source,
                      struct downlink *downlink, const struct settings_method **method,
                      struct reason *reason)
{
        *method = NULL;
        if (source->method)
                return translate_method(settings, source, downlink, method, reason);
        return translate_message(settings, source, downlink, reason);
}
