// SPDX-License-Identifier: MIT
#include "camera/watch/details.h"

#include <string.h>

#include "base/error.h"

static void write_text(struct buf *out, const char *text)
{
        buf_add_json_string(out, text, strlen(text));
}

static void write_zones(const struct tally_rules *rules, float x, float y, const struct box *box,
                        struct buf *out)
{
        const char *comma = "";

        for (size_t i = 0; i < rules->zone_count; i++) {
                if (!zone_counts(&rules->zones[i], box->label, x, y))
                        continue;
                buf_add_text(out, comma);
                write_text(out, rules->zones[i].name);
                comma = ",";
        }
}

void details_write(const struct tally_rules *rules, int width, int height,
                   const struct box_list *boxes, struct buf *out)
{
        buf_add_char(out, '[');
        for (size_t i = 0; i < boxes->count; i++) {
                const struct box *box = &boxes->boxes[i];
                float x1 = box->x1 / (float)width;
                float y1 = box->y1 / (float)height;
                float x2 = box->x2 / (float)width;
                float y2 = box->y2 / (float)height;

                buf_add_text(out, i > 0 ? ",{\"label\":" : "{\"label\":");
                write_text(out, rules->names->names[box->label]);
                buf_add_format(out, ",\"score\":%.4f,\"box\":[%.4f,%.4f,%.4f,%.4f],\"zones\":[",
                               (double)box->score, (double)x1, (double)y1, (double)x2, (double)y2);
                write_zones(rules, (x1 + x2) / 2, y2, box, out);
                buf_add_text(out, "]}");
        }
        buf_add_char(out, ']');
}
