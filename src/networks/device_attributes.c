// SPDX-License-Identifier: MIT
#include "networks/device_attributes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"

void device_attributes_deinit(struct device_attributes *attributes)
{
        free(attributes->model_id);
        free(attributes->uplink_formatter);
        free(attributes->downlink_formatter);
        *attributes = (struct device_attributes){.model_id = NULL};
}

void device_attributes_free(struct device_attributes *attributes)
{
        if (!attributes)
                return;
        device_attributes_deinit(attributes);
        free(attributes);
}

void device_attributes_copy(struct device_attributes *to, const struct device_attributes *from)
{
        struct device_attributes old = *to;

        *to = (struct device_attributes){
                .model_id = mem_text(from->model_id),
                .uplink_formatter = mem_text(from->uplink_formatter),
                .downlink_formatter = mem_text(from->downlink_formatter),
                .integration = from->integration,
                .device_class = from->device_class,
        };
        device_attributes_deinit(&old);
}

bool device_attributes_equal(const struct device_attributes *a, const struct device_attributes *b)
{
        return text_equal(a->model_id, b->model_id) &&
               text_equal(a->uplink_formatter, b->uplink_formatter) &&
               text_equal(a->downlink_formatter, b->downlink_formatter) &&
               a->integration == b->integration && a->device_class == b->device_class;
}

void device_attributes_write(const struct device_attributes *attributes, struct json_object *record)
{
        json_add_text(record, "modelId", attributes->model_id);
        json_add_text(record, "uplinkFormatter", attributes->uplink_formatter);
        json_add_text(record, "downlinkFormatter", attributes->downlink_formatter);
        if (attributes->integration != INTEGRATION_UNSAID)
                json_add_bool(record, "integration", attributes->integration == INTEGRATION_ON);
        if (attributes->device_class != DEVICE_CLASS_NOT_KNOWN)
                json_add_int(record, "class", (int64_t)attributes->device_class);
}

void device_attributes_restore(struct json_object *record, struct device_attributes *attributes)
{
        int64_t device_class = DEVICE_CLASS_NOT_KNOWN;

        attributes->model_id = mem_text(json_text_member(record, "modelId"));
        attributes->uplink_formatter = mem_text(json_text_member(record, "uplinkFormatter"));
        attributes->downlink_formatter = mem_text(json_text_member(record, "downlinkFormatter"));
        if (json_member(record, "integration"))
                attributes->integration = json_bool_member(record, "integration", true)
                                                  ? INTEGRATION_ON
                                                  : INTEGRATION_OFF;
        if (json_int_member(record, "class", &device_class) && device_class >= DEVICE_CLASS_A &&
            device_class <= DEVICE_CLASS_C)
                attributes->device_class = (enum device_class)device_class;
}

/* --- attributes --------------------------------------------------------------------------- */

/* Equal but for case and dashes; `name` has neither capitals nor dashes. */
static bool is_named(const char *attribute, const char *name)
{
        for (; *attribute; attribute++) {
                if (*attribute == '-')
                        continue;
                if (tolower((unsigned char)*attribute) != *name)
                        return false;
                name++;
        }
        return *name == '\0';
}

static struct json_object *find_attribute(struct json_object *object, const char *name)
{
        struct json_object *found = NULL;

        json_object_object_foreach (object, attribute, value) {
                if (is_named(attribute, name))
                        found = value;
        }
        return found;
}

/* The attribute's text; NULL if it says nothing. */
static const char *attribute_text(struct json_object *object, const char *name,
                                  struct reason *remark)
{
        struct json_object *value = find_attribute(object, name);
        const char *text = json_object_get_string(value);

        if (!value)
                return NULL;
        if (!json_object_is_type(value, json_type_string) ||
            strlen(text) != (size_t)json_object_get_string_len(value)) {
                reason_add(remark, "the attribute %s is not a text", name);
                return NULL;
        }
        return text[0] != '\0' ? text : NULL;
}

static char *copy_attribute(struct json_object *object, const char *name, const char *other_name,
                            struct reason *remark)
{
        const char *text = attribute_text(object, name, remark);

        if (!text && other_name)
                text = attribute_text(object, other_name, remark);
        return mem_text(text);
}

static enum device_integration read_integration(struct json_object *object, struct reason *remark)
{
        const char *text = attribute_text(object, "azureintegration", remark);

        if (!text)
                return INTEGRATION_UNSAID;
        if (text_equal_nocase(text, "true"))
                return INTEGRATION_ON;
        if (text_equal_nocase(text, "false"))
                return INTEGRATION_OFF;
        reason_add(
                remark,
                "the attribute azureintegration is '%.64s', which is neither true nor false; the "
                "settings decide",
                text);
        return INTEGRATION_UNSAID;
}

static enum device_class read_class(struct json_object *object, struct reason *remark)
{
        static const char *const names[] = {
                [DEVICE_CLASS_NOT_KNOWN] = "",
                [DEVICE_CLASS_A] = "A",
                [DEVICE_CLASS_B] = "B",
                [DEVICE_CLASS_C] = "C",
        };
        const char *text = attribute_text(object, "lorawanclass", remark);

        if (!text)
                return DEVICE_CLASS_NOT_KNOWN;
        for (size_t i = DEVICE_CLASS_A; i < ARRAY_SIZE(names); i++) {
                if (text_equal_nocase(text, names[i]))
                        return (enum device_class)i;
        }
        reason_add(remark, "the attribute lorawanclass is '%.64s', none of A, B, C", text);
        return DEVICE_CLASS_NOT_KNOWN;
}

void device_attributes_read(struct json_object *object, struct device_attributes *attributes,
                            struct reason *remark)
{
        if (!json_object_is_type(object, json_type_object)) {
                if (object)
                        reason_add(remark, "its attributes are no object");
                return;
        }
        attributes->integration = read_integration(object, remark);
        attributes->device_class = read_class(object, remark);
        attributes->model_id = copy_attribute(object, "dtdlmodelid", NULL, remark);
        attributes->uplink_formatter =
                copy_attribute(object, "payloadformatteruplink", "uplinkdefault", remark);
        attributes->downlink_formatter =
                copy_attribute(object, "payloadformatterdownlink", "downlinkdefault", remark);
}
