// SPDX-License-Identifier: MIT
/*
 * From boxes to counts: what counts, and whether it is worth telling. Pure; the rules come from the
 * settings of the two programs that isthmus-camera replaces, whose answers differ in four points.
 */
#ifndef ISTHMUS_CAMERA_COUNT_TALLY_H
#define ISTHMUS_CAMERA_COUNT_TALLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "camera/count/zone.h"
#include "camera/detect/boxes.h"
#include "camera/detect/labels.h"

enum tally_variant {
        /*
         * The later program, for IoT Central: a score at the threshold counts; the tally holds what
         * counts; an empty list of labels of interest means that nothing is of interest.
         */
        TALLY_LATER,
        /*
         * The first one, for IoT Hub: a score must be above the threshold to be of interest; the
         * tally holds everything the model found.
         */
        TALLY_FIRST,
};

/* What is said of one label. */
struct label_rules {
        float threshold;  /* negative = the common one */
        float least_area; /* of the picture, 0 to 1 */
        float most_area;
        bool is_of_interest;
        bool has_minimum; /* it is told as 0 when there is none (later program only) */
};

struct tally_rules {
        enum tally_variant variant;
        float threshold;
        const struct labels *names;
        struct label_rules *labels; /* one for each of `names` */
        const struct zone *zones;
        size_t zone_count;
        const struct polygon *masks; /* what stands in one of them is not there */
        size_t mask_count;
};

/* Rules for `labels` that let everything count; `*rules` is the caller's to deinit. */
void tally_rules_init(struct tally_rules *rules, const struct labels *labels);
void tally_rules_deinit(struct tally_rules *rules);

/*
 * Keeps of the boxes (in pixels of a picture of that size) those that count: score, area, masks.
 * A thing stands where the middle of its lower edge is.
 */
void tally_select(const struct tally_rules *rules, int width, int height, struct box_list *boxes);

struct tally {
        unsigned int *counts;      /* by label */
        unsigned int *zone_counts; /* [zone * labels + label] */
        bool is_of_interest;       /* worth telling */
};

#define TALLY_INIT ((struct tally){.counts = NULL})

/* Counts selected boxes; `tally` is the caller's to deinit, and may hold an older one. */
void tally_count(const struct tally_rules *rules, int width, int height,
                 const struct box_list *boxes, struct tally *tally);
void tally_deinit(struct tally *tally);

/* Whether both would be told with the same words. */
bool tally_is_equal(const struct tally_rules *rules, const struct tally *a, const struct tally *b);

/*
 * A label as the name of a telemetry field that is valid in DTDL (letters, digits, underscores,
 * beginning with a letter, ending with no underscore): `traffic light` becomes `traffic_light`.
 * With a zone its name goes before it: `gate_person`.
 */
void tally_name(struct buf *out, const char *zone, const char *label);

/*
 * Adds the JSON object that is sent: `{"person":2,"gate_person":1}`. What `before` (NULL, or one of
 * the same rules) counted and `tally` does not is told as 0.
 */
void tally_write(const struct tally_rules *rules, const struct tally *tally,
                 const struct tally *before, struct buf *out);

#endif
