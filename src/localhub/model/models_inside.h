// SPDX-License-Identifier: MIT
/* What the files models*.c share. */
#ifndef ISTHMUS_LOCALHUB_MODEL_MODELS_INSIDE_H
#define ISTHMUS_LOCALHUB_MODEL_MODELS_INSIDE_H

#include <stdbool.h>

#include "localhub/model/models.h"

/* A schema that stands for itself: `double`, or an object that describes another. */
struct schema_check {
        struct json_object *interface; /* whose `schemas` may be named */
        const char *interface_id;
        struct json_object *warnings;
};

/* Compares a value, called `name`, with its schema. */
void model_check_value(const struct schema_check *check, const char *name,
                       struct json_object *schema, struct json_object *value);

void model_warn(const struct schema_check *check, const char *format, ...) PRINTF_LIKE(2, 3);

/* True if `@type` is this word, or a list with it. */
bool model_has_type(struct json_object *element, const char *type);

#endif
