// SPDX-License-Identifier: MIT
#include "formatter/formatter_check.h"

#include <string.h>

#include "base/json/json.h"
#include "base/json/json_scan.h"
#include "base/utf8.h"
#include "formatter/formatter_wire.h"

#define NAME_LIMIT 128

bool formatter_check_name(const char *name)
{
        size_t size = strlen(name);

        if (size == 0 || size > NAME_LIMIT || name[0] == '.' || !utf8_is_valid(name, size))
                return false;
        for (size_t i = 0; i < size; i++) {
                unsigned char letter = (unsigned char)name[i];

                if (letter < ' ' || letter == 0x7f || letter == '/' || letter == '\\')
                        return false;
        }
        return strstr(name, "..") == NULL;
}

/* NULL if it is JSON that can be sent, else what is wrong with it. */
static const char *json_fault(char *text)
{
        struct json_scan scan = {.text = text,
                                 .size = strlen(text),
                                 .style = JSON_STRICT,
                                 .depth = FORMATTER_DEPTH_LIMIT,
                                 .values = JSON_VALUES_USUAL,
                                 .long_integers = BUF_INIT};

        if (json_scan(&scan))
                scan.fault = NULL;
        buf_deinit(&scan.long_integers);
        return scan.fault;
}

static bool is_list_of_texts(const char *text)
{
        CLEANUP(json_cleanup)
        struct json_object *list = json_parse(text, strlen(text), 2, JSON_STRICT, NULL);

        if (!list || !json_object_is_type(list, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
                        return false;
        }
        return true;
}

static size_t size_of(const struct formatter_result *result)
{
        size_t size = result->bytes.size;

        size += result->data ? strlen(result->data) : 0;
        size += result->warnings ? strlen(result->warnings) : 0;
        for (size_t i = 0; i < result->property_count; i++) {
                size += strlen(result->properties[i].name) + 1;
                size += strlen(result->properties[i].value) + 1;
        }
        return size;
}

static const char *data_fault(enum formatter_function function,
                              const struct formatter_result *result)
{
        if (!result->data || (result->data[0] != '{' &&
                              (result->data[0] != '[' || function != FORMATTER_NORMALIZE_UPLINK)))
                return "it is not what this function gives";
        return json_fault(result->data);
}

static void empty(struct formatter_result *result)
{
        result->data = NULL;
        result->bytes = BUF_INIT;
        result->port = 0;
        result->property_count = 0;
        result->warnings = NULL;
}

/* True if it can't be used, with the reason. */
static bool has_fault(enum formatter_function function, const struct formatter_result *result,
                      struct reason *reason)
{
        const char *fault =
                function == FORMATTER_ENCODE_DOWNLINK ? NULL : data_fault(function, result);

        if (size_of(result) > FORMATTER_RESULT_LIMIT)
                reason_set(reason, "its result is too large");
        else if (fault)
                reason_set(reason, "its `data` can't be used: %s", fault);
        else if (result->warnings && !is_list_of_texts(result->warnings))
                reason_set(reason, "its `warnings` are no list of texts");
        return reason->text[0] != '\0';
}

bool formatter_check_result(enum formatter_function function, struct formatter_result *result)
{
        struct reason reason = REASON_INIT;

        if (result->status == FORMATTER_GOOD && function == FORMATTER_ENCODE_DOWNLINK) {
                result->data = NULL;
        } else if (result->status == FORMATTER_GOOD) {
                result->bytes = BUF_INIT;
                result->port = 0;
        } else {
                empty(result);
        }
        if (result->status == FORMATTER_GOOD && has_fault(function, result, &reason)) {
                empty(result);
                result->status = FORMATTER_FAILED;
                result->reason = reason;
        }
        return result->status == FORMATTER_GOOD || result->status == FORMATTER_FAILED ||
               result->status == FORMATTER_TIMEOUT || result->status == FORMATTER_NOT_COMPILED;
}
