// SPDX-License-Identifier: MIT
#include "camera/count/tracks.h"

#include <stdlib.h>

#include "base/mem.h"

/* Two boxes of a label in following pictures are one thing if they overlap at least so much. */
#define SAME_OVERLAP 0.3F

/* It stands still while it overlaps its old place at least so much. */
#define STILL_OVERLAP 0.8F

void tracks_deinit(struct tracks *tracks)
{
        free(tracks->list);
        *tracks = TRACKS_INIT;
}

static struct track *add(struct tracks *tracks)
{
        if (tracks->count == tracks->capacity) {
                tracks->capacity = tracks->capacity ? 2 * tracks->capacity : 16;
                tracks->list = mem_resize(tracks->list, tracks->capacity, sizeof(*tracks->list));
        }
        tracks->list[tracks->count] = (struct track){.is_matched = true};
        return &tracks->list[tracks->count++];
}

/* The one that overlaps most among those that no other box was matched with; NULL if none does. */
static struct track *find(struct tracks *tracks, size_t count, const struct box *box)
{
        struct track *best = NULL;
        float most = SAME_OVERLAP;

        for (size_t i = 0; i < count; i++) {
                struct track *track = &tracks->list[i];
                float overlap;

                if (track->is_matched || track->box.label != box->label)
                        continue;
                overlap = box_overlap(&track->box, box);
                if (overlap >= most) {
                        most = overlap;
                        best = track;
                }
        }
        return best;
}

static bool has_appeared(const struct track *track, const struct tracks_rules *rules)
{
        return track->seen >= rules->appears_after;
}

static bool counts(const struct track *track, const struct tracks_rules *rules)
{
        return has_appeared(track, rules) &&
               !(rules->still_once && track->is_told &&
                 box_overlap(&track->box, &track->told) >= STILL_OVERLAP);
}

/* Drops what is gone, and what was missed before it appeared. */
static void drop_gone(struct tracks *tracks, const struct tracks_rules *rules)
{
        size_t kept = 0;

        for (size_t i = 0; i < tracks->count; i++) {
                struct track *track = &tracks->list[i];

                if (!track->is_matched)
                        track->missed++;
                if (track->missed == 0 ||
                    (has_appeared(track, rules) && track->missed < rules->gone_after))
                        tracks->list[kept++] = *track;
        }
        tracks->count = kept;
}

void tracks_take(struct tracks *tracks, const struct tracks_rules *rules,
                 const struct box_list *boxes, struct box_list *present)
{
        size_t known = tracks->count;

        for (size_t i = 0; i < known; i++)
                tracks->list[i].is_matched = false;
        for (size_t i = 0; i < boxes->count; i++) {
                struct track *track = find(tracks, known, &boxes->boxes[i]);

                if (!track)
                        track = add(tracks);
                track->box = boxes->boxes[i];
                track->is_matched = true;
                track->missed = 0;
                if (!has_appeared(track, rules))
                        track->seen++;
        }
        drop_gone(tracks, rules);
        present->count = 0;
        for (size_t i = 0; i < tracks->count; i++) {
                if (counts(&tracks->list[i], rules))
                        box_list_add(present, &tracks->list[i].box);
        }
}

void tracks_tell(struct tracks *tracks, const struct tracks_rules *rules)
{
        for (size_t i = 0; i < tracks->count; i++) {
                struct track *track = &tracks->list[i];

                if (counts(track, rules)) {
                        track->told = track->box;
                        track->is_told = true;
                }
        }
}
