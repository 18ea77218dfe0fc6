// SPDX-License-Identifier: MIT
#include "gateway/command/command_translate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

/* IoT Central's mark for a command that has no request payload. */
#define NO_PAYLOAD_MARK "@"

/* A message's choice of the payload formatter. */
#define FORMATTER_PROPERTY "PayloadFormatter"

#define PAYLOAD_DEPTH 32

const char *command_property(const struct command_source *source, const char *name)
{
        for (size_t i = 0; i < source->property_count; i++) {
                if (text_equal_nocase(source->properties[i].name, name))
                        return source->properties[i].value;
        }
        return NULL;
}

static bool encodes(const struct command_source *source)
{
        return source->driver->encodes && !source->has_no_encoder;
}

/* --- properties of a cloud-to-device message ----------------------------------------------- */

static int read_port(const struct command_source *source, struct downlink *downlink,
                     struct reason *reason)
{
        const char *text = command_property(source, "Port");
        int64_t port;

        if (!text) {
                reason_set(reason, "the property Port is missing (a number from %d to %d)",
                           DOWNLINK_PORT_MIN, DOWNLINK_PORT_MAX);
                return COMMAND_E_INVALID;
        }
        if (!text_to_int64(text, DOWNLINK_PORT_MIN, DOWNLINK_PORT_MAX, &port)) {
                reason_set(reason, "the property Port is '%.32s', not a number from %d to %d", text,
                           DOWNLINK_PORT_MIN, DOWNLINK_PORT_MAX);
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
        if (!text || !source->driver->has_priorities)
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

/* What was sent is nothing, in one of the spellings of nothing (rule D2). */
static bool is_nothing(const char *text, size_t size)
{
        return size == 0 || is_text(text, size, NO_PAYLOAD_MARK) || is_text(text, size, "null") ||
               is_text(text, size, "\"\"") || is_text(text, size, "\"" NO_PAYLOAD_MARK "\"");
}

/* Rule D2: what the settings say when the command brings nothing. The caller's; or NULL. */
static struct json_object *configured_value(const struct settings_method *method,
                                            struct reason *reason)
{
        struct json_object *value;

        if (!method || text_is_empty(method->payload))
                return json_object_new_object();
        value = json_parse(method->payload, strlen(method->payload), PAYLOAD_DEPTH, JSON_STRICT,
                           NULL);
        if (!value)
                reason_set(reason, "Methods.%s.Payload is not JSON", method->name);
        return value;
}

/* The JSON value that the body is, or the body as a JSON text. The caller's; or NULL. */
static struct json_object *body_value(const struct command_source *source, const char *text,
                                      size_t size, struct reason *reason)
{
        struct json_object *value = json_parse(text, size, PAYLOAD_DEPTH, JSON_STRICT, NULL);

        if (value)
                return value;
        if (utf8_is_valid(text, size))
                return json_object_new_string_len(text, (int)size);
        reason_set(reason, "the payload of '%s' is neither JSON nor text", source->method);
        return NULL;
}

/* Bytes for a network that takes nothing else. */
static int set_bytes(const struct command_source *source, const void *bytes, size_t size,
                     struct downlink *downlink, struct reason *reason)
{
        struct buf payload = BUF_INIT;

        if (!downlink_fits(source->driver, size, reason))
                return COMMAND_E_UNPROCESSABLE;
        crypto_base64_encode(&payload, bytes, size);
        downlink->payload = buf_take(&payload);
        return 0;
}

static int no_formatter(struct reason *reason)
{
        reason_set(reason, "the network takes bytes, and no payload formatter makes them: send hex "
                           "text, or name a formatter (AzureIoT.Methods.NAME.Formatter, the "
                           "message's property PayloadFormatter, the device's attribute, or "
                           "PayloadFormatters.DownlinkFormatterDefault)");
        return COMMAND_E_UNPROCESSABLE;
}

/* The value of a method without a payload formatter: hex text is sent as its bytes. */
static int hex_value(const struct command_source *source, struct json_object *value,
                     struct downlink *downlink, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        if (!json_object_is_type(value, json_type_string) ||
            !crypto_hex_decode(&bytes, json_object_get_string(value),
                               (size_t)json_object_get_string_len(value)))
                return no_formatter(reason);
        return set_bytes(source, bytes.data, bytes.size, downlink, reason);
}

/* Rules D1 and D2: the payload of an IoT Central command or direct method. */
static int method_payload(const struct command_source *source, const struct settings_method *method,
                          struct command *command, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *value = NULL;
        struct downlink *downlink = &command->downlink;
        const char *name = source->method;
        const char *text;
        size_t size;

        trim(source, &text, &size);
        if (is_nothing(text, size)) {
                value = configured_value(method, reason);
                if (!value)
                        return COMMAND_E_UNPROCESSABLE;
                name = method ? method->name : name;
        } else {
                value = body_value(source, text, size, reason);
                if (!value)
                        return COMMAND_E_INVALID;
        }
        if (!command->formatter && !encodes(source))
                return hex_value(source, value, downlink, reason);
        downlink->decoded = json_object_is_type(value, json_type_object)
                                    ? write_value(value)
                                    : wrap(name, json_object_get(value));
        return 0;
}

/* The body of a message without a payload formatter, for a network that encodes nothing. */
static int hex_payload(const struct settings *settings, const struct command_source *source,
                       struct downlink *downlink, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        const char *text;
        size_t size;

        trim(source, &text, &size);
        if (!crypto_hex_decode(&bytes, text, size)) {
                if (!settings->commands.raw_text_payload)
                        return no_formatter(reason);
                buf_add(&bytes, text, size);
        }
        return set_bytes(source, bytes.data, bytes.size, downlink, reason);
}

/* Rule D1: the body of a message for a network that encodes objects and takes base64. */
static int base64_payload(const struct settings *settings, const struct command_source *source,
                          struct downlink *downlink)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        const char *text;
        size_t size;

        trim(source, &text, &size);
        if (crypto_base64_decode(&bytes, text, size)) {
                downlink->payload = mem_text_n(text, size);
                return 0;
        }
        if (!settings->commands.raw_text_payload)
                return COMMAND_E_INVALID;
        crypto_base64_encode(&bytes, text, size);
        downlink->payload = buf_take(&bytes);
        return 0;
}

/* The body as a JSON object, the caller's; or NULL, and why it is none if it looked like JSON. */
static struct json_object *body_object(const struct command_source *source, struct reason *fault)
{
        struct json_object *value = NULL;
        const char *text;
        size_t size;

        trim(source, &text, &size);
        if (size > 0 && (text[0] == '{' || text[0] == '['))
                value = json_parse(text, size, PAYLOAD_DEPTH, JSON_STRICT, fault);
        if (json_object_is_type(value, json_type_object))
                return value;
        if (value)
                reason_set(fault, "it is an array");
        json_object_put(value);
        return NULL;
}

/* Rule D1: the payload of a cloud-to-device message. */
static int message_payload(const struct settings *settings, const struct command_source *source,
                           struct command *command, struct reason *reason)
{
        struct reason fault = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *object = body_object(source, &fault);
        bool is_encoded = encodes(source);

        if (!object && is_encoded && !command_property(source, FORMATTER_PROPERTY)) {
                free(command->formatter);
                command->formatter = NULL;
        }
        if (object && (command->formatter || is_encoded)) {
                command->downlink.decoded = write_value(object);
                return 0;
        }
        if (command->formatter)
                return 0;
        if (!is_encoded)
                return hex_payload(settings, source, &command->downlink, reason);
        if (base64_payload(settings, source, &command->downlink) == 0)
                return 0;
        if (fault.text[0] != '\0')
                reason_set(reason, "the body is no JSON object (%s) and no base64", fault.text);
        else
                reason_set(reason, "the body is neither a JSON object nor base64");
        return COMMAND_E_INVALID;
}

/* --- both ways ----------------------------------------------------------------------------- */

/* The name of the payload formatter that makes the bytes; NULL = none. */
static const char *choose_formatter(const struct settings *settings,
                                    const struct command_source *source,
                                    const struct settings_method *method)
{
        const char *names[] = {
                method ? method->formatter : NULL,
                command_property(source, FORMATTER_PROPERTY),
                source->device_formatter,
                settings_downlink_formatter(settings, source->application),
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (!text_is_empty(names[i]))
                        return names[i];
        }
        return NULL;
}

static int translate_method(const struct command_source *source,
                            const struct settings_method *method, struct command *command,
                            struct reason *reason)
{
        bool has_ports = source->driver->has_ports;

        if (!method && (has_ports || !command->formatter)) {
                reason_set(reason, "there is no entry '%.64s' below AzureIoT.Methods%s",
                           source->method,
                           has_ports ? "" : ", and no payload formatter for the device");
                return COMMAND_E_UNKNOWN;
        }
        if (has_ports) {
                command->downlink.port = (uint8_t)method->port;
                command->downlink.confirmed = method->confirmed;
                command->downlink.priority = method->priority;
                command->downlink.replace = method->queue == SETTINGS_QUEUE_REPLACE;
        }
        return method_payload(source, method, command, reason);
}

static int translate_message(const struct settings *settings, const struct command_source *source,
                             struct command *command, struct reason *reason)
{
        static int (*const readers[])(const struct command_source *, struct downlink *,
                                      struct reason *) = {
                read_port,
                read_confirmed,
                read_priority,
                read_queue,
        };

        for (size_t i = 0; source->driver->has_ports && i < ARRAY_SIZE(readers); i++) {
                int result = readers[i](source, &command->downlink, reason);

                if (result != 0)
                        return result;
        }
        return message_payload(settings, source, command, reason);
}

/* What the payload formatter is given besides the JSON: the body as it came. */
static void keep_body(const struct command_source *source, struct command *command)
{
        struct buf body = BUF_INIT;

        crypto_base64_encode(&body, source->payload, source->payload_size);
        command->body = buf_take(&body);
}

int command_translate(const struct settings *settings, const struct command_source *source,
                      struct command *command, struct reason *reason)
{
        const struct settings_method *method = NULL;
        int result;

        if (source->method)
                method = settings_method(settings, source->application, source->method);
        command->name = mem_text(source->method);
        command->policy = settings_settlement(settings, source->application, method);
        command->formatter = mem_text(choose_formatter(settings, source, method));
        result = source->method ? translate_method(source, method, command, reason)
                                : translate_message(settings, source, command, reason);
        if (command->formatter)
                keep_body(source, command);
        return result;
}
