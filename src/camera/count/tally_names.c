// SPDX-License-Identifier: MIT
#include "camera/count/tally_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A thing that is told, by its name in telemetry. */
struct named {
        char *name;
        const char *zone; /* NULL = in the whole picture */
        const char *label;
};

struct named_list {
        struct named *items;
        size_t count;
};

static void named_list_deinit(struct named_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i].name);
        free(list->items);
}

static void add(struct named_list *list, const char *zone, const char *label)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;

        tally_name(&name, zone, label);
        list->items[list->count++] =
                (struct named){.name = buf_take(&name), .zone = zone, .label = label};
}

static void collect(const struct tally_rules *rules, struct named_list *list)
{
        const struct labels *labels = rules->names;

        list->items = mem_new(labels->count * (rules->zone_count + 1), sizeof(*list->items));
        for (size_t i = 0; i < labels->count; i++)
                add(list, NULL, labels->names[i]);
        for (size_t z = 0; z < rules->zone_count; z++) {
                const struct zone *zone = &rules->zones[z];

                for (size_t i = 0; i < labels->count; i++) {
                        if (!zone->labels || zone->labels[i])
                                add(list, zone->name, labels->names[i]);
                }
        }
}

static int compare(const void *a, const void *b)
{
        const struct named *left = a;
        const struct named *right = b;

        return strcmp(left->name, right->name);
}

/* "'person' in the zone 'gate'" */
static const char *describe(const struct named *named, char text[LABEL_LENGTH_MAX + 128])
{
        snprintf(text, LABEL_LENGTH_MAX + 128, "'%s'%s%s%s", named->label,
                 named->zone ? " in the zone '" : "", named->zone ? named->zone : "",
                 named->zone ? "'" : "");
        return text;
}

#define REMEDY                                                                                     \
        "; write the labels with names of their own into a file for Application.LabelsPath, or "   \
        "name the zone otherwise"

int tally_names_check(const struct tally_rules *rules, const char *reserved, struct reason *reason)
{
        CLEANUP(named_list_deinit) struct named_list list = {.items = NULL};
        char first[LABEL_LENGTH_MAX + 128];
        char second[LABEL_LENGTH_MAX + 128];

        collect(rules, &list);
        qsort(list.items, list.count, sizeof(*list.items), compare);
        for (size_t i = 0; i < list.count; i++) {
                const struct named *named = &list.items[i];

                if (reserved && strcmp(named->name, reserved) == 0) {
                        reason_set(reason,
                                   "%s would be called '%s' in telemetry, which is something "
                                   "else" REMEDY,
                                   describe(named, first), reserved);
                        return TALLY_NAMES_E_TWICE;
                }
                if (i > 0 && strcmp(named[-1].name, named->name) == 0) {
                        reason_set(
                                reason, "%s and %s would both be called '%s' in telemetry" REMEDY,
                                describe(&named[-1], first), describe(named, second), named->name);
                        return TALLY_NAMES_E_TWICE;
                }
        }
        return 0;
}
