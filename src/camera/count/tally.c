// SPDX-License-Identifier: MIT
#include "camera/count/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void tally_rules_init(struct tally_rules *rules, const struct labels *labels)
{
        *rules = (struct tally_rules){.threshold = 0.7F, .names = labels};
        rules->labels = mem_new(labels->count, sizeof(*rules->labels));
        for (size_t i = 0; i < labels->count; i++)
                rules->labels[i] = (struct label_rules){
                        .threshold = -1, .most_area = 1, .is_of_interest = true};
}

void tally_rules_deinit(struct tally_rules *rules)
{
        free(rules->labels);
        rules->labels = NULL;
}

static float threshold_of(const struct tally_rules *rules, const struct box *box)
{
        float own = rules->labels[box->label].threshold;

        return own >= 0 ? own : rules->threshold;
}

static bool passes_threshold(const struct tally_rules *rules, const struct box *box)
{
        float threshold = threshold_of(rules, box);

        return rules->variant == TALLY_FIRST ? box->score > threshold : box->score >= threshold;
}

struct place {
        float x;
        float y;
};

/* Where a thing stands, as fractions of the picture's sides. */
static struct place foot_of(const struct box *box, int width, int height)
{
        return (struct place){.x = (box->x1 + box->x2) / 2 / (float)width,
                              .y = box->y2 / (float)height};
}

static bool is_masked(const struct tally_rules *rules, struct place foot)
{
        for (size_t i = 0; i < rules->mask_count; i++) {
                if (polygon_holds(&rules->masks[i], foot.x, foot.y))
                        return true;
        }
        return false;
}

static bool is_selected(const struct tally_rules *rules, int width, int height,
                        const struct box *box)
{
        const struct label_rules *label = &rules->labels[box->label];
        float area = (box->x2 - box->x1) * (box->y2 - box->y1) / ((float)width * (float)height);

        if (area < label->least_area || area > label->most_area)
                return false;
        /* The first program counted what is below the threshold, too. */
        if (rules->variant == TALLY_LATER && !passes_threshold(rules, box))
                return false;
        return !is_masked(rules, foot_of(box, width, height));
}

void tally_select(const struct tally_rules *rules, int width, int height, struct box_list *boxes)
{
        size_t kept = 0;

        for (size_t i = 0; i < boxes->count; i++) {
                if (is_selected(rules, width, height, &boxes->boxes[i]))
                        boxes->boxes[kept++] = boxes->boxes[i];
        }
        boxes->count = kept;
}

static void count_in_zones(const struct tally_rules *rules, const struct box *box,
                           struct place foot, struct tally *tally)
{
        for (size_t i = 0; i < rules->zone_count; i++) {
                if (zone_counts(&rules->zones[i], box->label, foot.x, foot.y))
                        tally->zone_counts[i * rules->names->count + box->label]++;
        }
}

void tally_count(const struct tally_rules *rules, int width, int height,
                 const struct box_list *boxes, struct tally *tally)
{
        tally_deinit(tally);
        tally->counts = mem_new(rules->names->count, sizeof(*tally->counts));
        tally->zone_counts =
                mem_new(rules->names->count * (rules->zone_count + 1), sizeof(*tally->zone_counts));
        for (size_t i = 0; i < boxes->count; i++) {
                const struct box *box = &boxes->boxes[i];

                tally->counts[box->label]++;
                count_in_zones(rules, box, foot_of(box, width, height), tally);
                if (rules->labels[box->label].is_of_interest && passes_threshold(rules, box))
                        tally->is_of_interest = true;
        }
        for (size_t i = 0; i < rules->names->count && rules->variant == TALLY_LATER; i++) {
                if (rules->labels[i].has_minimum && rules->labels[i].is_of_interest)
                        tally->is_of_interest = true;
        }
}

void tally_deinit(struct tally *tally)
{
        free(tally->counts);
        free(tally->zone_counts);
        *tally = TALLY_INIT;
}

bool tally_is_equal(const struct tally_rules *rules, const struct tally *a, const struct tally *b)
{
        size_t labels = rules->names->count;

        return a->counts && b->counts &&
               memcmp(a->counts, b->counts, labels * sizeof(*a->counts)) == 0 &&
               memcmp(a->zone_counts, b->zone_counts,
                      labels * rules->zone_count * sizeof(*a->zone_counts)) == 0;
}

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void add_name(struct buf *out, const char *text)
{
        for (; *text; text++) {
                bool is_good = is_letter(*text) || (*text >= '0' && *text <= '9');

                if (is_good)
                        buf_add_char(out, *text);
                else if (out->size > 0 && out->data[out->size - 1] != '_')
                        buf_add_char(out, '_');
        }
        while (out->size > 0 && out->data[out->size - 1] == '_')
                out->data[--out->size] = '\0';
}

void tally_name(struct buf *out, const char *zone, const char *label)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;

        if (zone) {
                add_name(&name, zone);
                buf_add_char(&name, '_');
        }
        add_name(&name, label);
        if (name.size == 0 || !is_letter(name.data[0]))
                buf_add_char(out, 'n');
        buf_add(out, buf_text(&name), name.size);
}

static void write_count(struct buf *out, const char *zone, const char *label, unsigned int count,
                        const char **comma)
{
        buf_add_text(out, *comma);
        buf_add_char(out, '"');
        tally_name(out, zone, label);
        buf_add_format(out, "\":%u", count);
        *comma = ",";
}

/* The counts of a zone, or with 0 those of the whole picture. */
static const unsigned int *counts_of(const struct tally_rules *rules, const struct tally *tally,
                                     size_t zone)
{
        return zone == 0 ? tally->counts : tally->zone_counts + (zone - 1) * rules->names->count;
}

void tally_write(const struct tally_rules *rules, const struct tally *tally,
                 const struct tally *before, struct buf *out)
{
        bool has_before = before && before->counts;
        const char *comma = "";

        buf_add_char(out, '{');
        for (size_t zone = 0; zone <= rules->zone_count; zone++) {
                const unsigned int *counts = counts_of(rules, tally, zone);

                for (size_t i = 0; i < rules->names->count; i++) {
                        bool has_minimum =
                                rules->variant == TALLY_LATER && rules->labels[i].has_minimum;
                        bool was_told = has_before && counts_of(rules, before, zone)[i] > 0;

                        if (counts[i] > 0 || has_minimum || was_told)
                                write_count(out, zone ? rules->zones[zone - 1].name : NULL,
                                            rules->names->names[i], counts[i], &comma);
                }
        }
        buf_add_char(out, '}');
}
