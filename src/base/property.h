// SPDX-License-Identifier: MIT
/* A name and a value, as a message's application properties and other things have them. */
#ifndef ISTHMUS_BASE_PROPERTY_H
#define ISTHMUS_BASE_PROPERTY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

struct property {
        const char *name;
        const char *value;
};

/* For properties whose texts are their own: sets one, to copies; and frees the texts of some. */
static inline void property_set(struct property *property, const char *name, const char *value)
{
        property->name = mem_text(name);
        property->value = mem_text(value);
}

static inline void properties_deinit(struct property *properties, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                free((char *)(uintptr_t)properties[i].name);
                free((char *)(uintptr_t)properties[i].value);
        }
}

/* A copy, with its texts; NULL of none. The caller's: properties_deinit and free. */
static inline struct property *properties_copy(const struct property *properties, size_t count)
{
        struct property *copy = count > 0 ? mem_new(count, sizeof(*copy)) : NULL;

        for (size_t i = 0; i < count; i++)
                property_set(&copy[i], properties[i].name, properties[i].value);
        return copy;
}

#endif
