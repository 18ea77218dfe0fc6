// SPDX-License-Identifier: MIT
#include "camera/picture/mark_up.h"

#include <cairo.h>
#include <math.h>
#include <stdbool.h>

/* Of the picture's shorter side. */
#define LINE_SHARE 300
#define TEXT_SHARE 32
#define LINE_LEAST 2.0
#define TEXT_LEAST 12.0

/* Colours that are told apart also by those who see red and green alike (Okabe and Ito, 2008). */
static const double palette[][3] = {
        {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}, {0.00, 0.62, 0.45}, {0.94, 0.89, 0.26},
        {0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.80, 0.47, 0.65},
};

struct pen {
        cairo_t *cairo;
        double width; /* of the picture */
        double height;
        double line;
        double text;
};

static const double *colour_of(unsigned int number)
{
        return palette[number % (sizeof(palette) / sizeof(palette[0]))];
}

/* A text on a ground of the colour, its lower left corner at (x, y), moved to stay within. */
static void draw_text(const struct pen *pen, const char *text, double x, double y,
                      const double *colour)
{
        double pad = pen->text / 5;
        cairo_text_extents_t extents;
        double width;
        double height = pen->text + pad;
        bool is_bright = colour[0] * 0.3 + colour[1] * 0.59 + colour[2] * 0.11 > 0.45;

        cairo_text_extents(pen->cairo, text, &extents);
        width = extents.x_advance + 2 * pad;
        x = fmax(0, fmin(x, pen->width - width));
        y = fmax(height, fmin(y, pen->height));
        cairo_rectangle(pen->cairo, x, y - height, width, height);
        cairo_set_source_rgb(pen->cairo, colour[0], colour[1], colour[2]);
        cairo_fill(pen->cairo);
        cairo_move_to(pen->cairo, x + pad, y - pad - pen->text / 8);
        if (is_bright)
                cairo_set_source_rgb(pen->cairo, 0, 0, 0);
        else
                cairo_set_source_rgb(pen->cairo, 1, 1, 1);
        cairo_show_text(pen->cairo, text);
}

static void draw_mark(const struct pen *pen, const struct mark *mark)
{
        const double *colour = colour_of(mark->colour);

        cairo_rectangle(pen->cairo, (double)mark->x1, (double)mark->y1,
                        (double)(mark->x2 - mark->x1), (double)(mark->y2 - mark->y1));
        cairo_set_source_rgb(pen->cairo, colour[0], colour[1], colour[2]);
        cairo_stroke(pen->cairo);
        draw_text(pen, mark->text, (double)mark->x1 - pen->line / 2, (double)mark->y1, colour);
}

static void draw_area(const struct pen *pen, const struct mark_area *area)
{
        static const double white[] = {1, 1, 1};

        if (area->count < 3)
                return;
        for (size_t i = 0; i < area->count; i++)
                cairo_line_to(pen->cairo, (double)area->points[i][0] * pen->width,
                              (double)area->points[i][1] * pen->height);
        cairo_close_path(pen->cairo);
        cairo_set_source_rgba(pen->cairo, 1, 1, 1, 0.12);
        cairo_fill_preserve(pen->cairo);
        cairo_set_source_rgb(pen->cairo, 1, 1, 1);
        cairo_stroke(pen->cairo);
        draw_text(pen, area->text, (double)area->points[0][0] * pen->width,
                  (double)area->points[0][1] * pen->height, white);
}

void mark_up(struct picture *picture, const struct mark_area *areas, size_t area_count,
             const struct mark *marks, size_t mark_count)
{
        int side = picture->width < picture->height ? picture->width : picture->height;
        cairo_surface_t *surface = cairo_image_surface_create_for_data(
                picture->pixels, CAIRO_FORMAT_RGB24, picture->width, picture->height,
                picture->width * PICTURE_PIXEL_BYTES);
        struct pen pen = {.cairo = cairo_create(surface),
                          .width = picture->width,
                          .height = picture->height,
                          .line = fmax(LINE_LEAST, (double)side / LINE_SHARE),
                          .text = fmax(TEXT_LEAST, (double)side / TEXT_SHARE)};

        cairo_set_line_width(pen.cairo, pen.line);
        cairo_select_font_face(pen.cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                               CAIRO_FONT_WEIGHT_BOLD);
        cairo_set_font_size(pen.cairo, pen.text);
        for (size_t i = 0; i < area_count; i++)
                draw_area(&pen, &areas[i]);
        for (size_t i = mark_count; i-- > 0;)
                draw_mark(&pen, &marks[i]); /* the best one on top */
        cairo_surface_flush(surface);
        cairo_destroy(pen.cairo);
        cairo_surface_destroy(surface);
}
