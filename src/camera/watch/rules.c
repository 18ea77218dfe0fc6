// SPDX-License-Identifier: MIT
#include "camera/watch/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* Two boxes of one class that overlap more are one thing. */
#define OVERLAP 0.45F

/* The first program counted all that its detector gave, whose own threshold this was. */
#define FIRST_SCORE 0.25F

/* The label's index, in any case of its letters; -1 and a line in the log if there is none. */
static long find_label(const struct camera_settings *camera, const struct labels *labels,
                       const char *name)
{
        for (size_t i = 0; i < labels->count; i++) {
                if (text_equal_nocase(labels->names[i], name))
                        return (long)i;
        }
        log_warn("LABEL_UNKNOWN", "The model has no such label, so none is ever found",
                 LOG_TEXT("camera", camera_settings_name(camera)), LOG_TEXT("label", name),
                 LOG_END);
        return -1;
}

static void set_labels(struct rules *rules, const struct camera_settings *camera,
                       const struct labels *labels)
{
        for (size_t i = 0; i < labels->count; i++)
                rules->tally.labels[i].is_of_interest = !camera->has_labels_of_interest;
        for (size_t i = 0; i < camera->labels_of_interest.count; i++) {
                long label = find_label(camera, labels, camera->labels_of_interest.texts[i]);

                if (label >= 0)
                        rules->tally.labels[label].is_of_interest = true;
        }
        for (size_t i = 0; i < camera->labels_minimum.count; i++) {
                long label = find_label(camera, labels, camera->labels_minimum.texts[i]);

                if (label >= 0)
                        rules->tally.labels[label].has_minimum = true;
        }
        for (size_t i = 0; i < camera->label_count; i++) {
                const struct camera_label *own = &camera->labels[i];
                long label = find_label(camera, labels, own->name);

                if (label < 0)
                        continue;
                if (own->threshold > 0)
                        rules->tally.labels[label].threshold = (float)own->threshold;
                rules->tally.labels[label].least_area = (float)own->least_area;
                rules->tally.labels[label].most_area = (float)own->most_area;
        }
}

static void set_zone(struct zone *zone, const struct camera_area *area,
                     const struct camera_settings *camera, const struct labels *labels)
{
        snprintf(zone->name, sizeof(zone->name), "%s", area->name);
        zone->polygon = area->polygon;
        if (area->labels.count == 0)
                return;
        zone->labels = mem_new(labels->count, sizeof(*zone->labels));
        for (size_t i = 0; i < area->labels.count; i++) {
                long label = find_label(camera, labels, area->labels.texts[i]);

                if (label >= 0)
                        zone->labels[label] = true;
        }
}

/* What the detector is asked for: nothing that counts may be left out. */
static float least_score(const struct rules *rules)
{
        float least = rules->tally.threshold;

        for (size_t i = 0; i < rules->tally.names->count; i++) {
                float own = rules->tally.labels[i].threshold;

                if (own >= 0 && own < least)
                        least = own;
        }
        if (rules->tally.variant == TALLY_FIRST)
                return fminf(least, FIRST_SCORE);
        /* The detector wants more than that; at the threshold counts already. */
        return least > 0 ? nextafterf(least, 0) : 0;
}

void rules_init(struct rules *rules, const struct camera_settings *camera,
                const struct labels *labels)
{
        *rules = (struct rules){.tally = {.variant = camera->variant}};
        tally_rules_init(&rules->tally, labels);
        rules->tally.variant = camera->variant;
        rules->tally.threshold = (float)camera->threshold;
        set_labels(rules, camera, labels);
        rules->zones = mem_new(camera->zone_count + 1, sizeof(*rules->zones));
        for (size_t i = 0; i < camera->zone_count; i++)
                set_zone(&rules->zones[i], &camera->zones[i], camera, labels);
        rules->masks = mem_new(camera->mask_count + 1, sizeof(*rules->masks));
        for (size_t i = 0; i < camera->mask_count; i++)
                rules->masks[i] = camera->masks[i].polygon;
        rules->tally.zones = rules->zones;
        rules->tally.zone_count = camera->zone_count;
        rules->tally.masks = rules->masks;
        rules->tally.mask_count = camera->mask_count;
        rules->tracks = (struct tracks_rules){
                .appears_after = (unsigned int)camera->appears_after,
                .gone_after = (unsigned int)camera->gone_after,
                .still_once = camera->still_once,
        };
        rules->boxes = (struct box_rules){.score = least_score(rules), .overlap = OVERLAP};
}

void rules_deinit(struct rules *rules)
{
        for (size_t i = 0; i < rules->tally.zone_count; i++)
                free(rules->zones[i].labels);
        free(rules->zones);
        free(rules->masks);
        tally_rules_deinit(&rules->tally);
}
