// SPDX-License-Identifier: MIT
#include "camera/watch/page.h"

#include <camera_files.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/text.h"
#include "camera/watch/camera_inside.h"
#include "camera/watch/describe.h"
#include "http/http_page.h"

/* --- who may --------------------------------------------------------------------------------- */

void page_admit(const char *key, struct http_exchange *exchange)
{
        if (!http_page_refuse_foreign(exchange) && !http_page_has_password(exchange, key))
                http_page_ask_password(exchange, "isthmus-camera",
                                       "the password is PageKey of the configuration");
}

/* --- what the page asks for ------------------------------------------------------------------ */

static int64_t number_of(struct http_exchange *exchange, const char *name, int64_t most)
{
        const char *text = http_exchange_argument(exchange, name);
        int64_t number;

        return text && text_to_int64(text, 0, most, &number) ? number : 0;
}

static void write_zones(const struct camera_settings *settings, struct buf *out)
{
        buf_add_text(out, ",\"zones\":{");
        for (size_t i = 0; i < settings->zone_count; i++) {
                const struct camera_area *zone = &settings->zones[i];

                if (i > 0)
                        buf_add_char(out, ',');
                buf_add_json_string(out, zone->name, strlen(zone->name));
                buf_add_char(out, ':');
                buf_add_text(out, zone->corners);
        }
        buf_add_char(out, '}');
}

static void write_camera(struct camera *camera, int64_t since_ms, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *health = NULL;
        bool is_good = true;
        const char *name = camera->status.name;

        buf_add_text(out, "{\"name\":");
        buf_add_json_string(out, name, strlen(name));
        buf_add_char(out, ',');
        sight_write(&camera->sight, since_ms, out);
        write_zones(camera->options.settings, out);
        health = camera_describe(camera, &is_good);
        buf_add_text(out, ",\"health\":");
        json_write(out, health);
        buf_add_char(out, '}');
}

static void answer_cameras(struct camera *const *cameras, size_t count,
                           struct http_exchange *exchange)
{
        struct buf body = BUF_INIT;
        int64_t since_ms = number_of(exchange, "since", INT64_MAX);

        /* Before anything is read: what comes meanwhile is told the next time, too. */
        buf_add_text(&body, "{\"now\":");
        buf_add_int(&body, clock_wall_ms());
        buf_add_text(&body, ",\"version\":\"" ISTHMUS_VERSION "\",\"cameras\":[");
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        buf_add_char(&body, ',');
                write_camera(cameras[i], since_ms, &body);
        }
        buf_add_text(&body, "]}");
        http_page_add_headers(exchange);
        http_exchange_answer(exchange, 200, "application/json", &body);
}

static void answer_picture(struct camera *const *cameras, size_t count,
                           struct http_exchange *exchange)
{
        size_t index = (size_t)number_of(exchange, "camera", INT32_MAX);
        struct buf body = BUF_INIT;

        if (index < count && sight_picture(&cameras[index]->sight, &body)) {
                http_page_add_headers(exchange);
                http_exchange_answer(exchange, 200, "image/jpeg", &body);
                return;
        }
        buf_deinit(&body);
        http_exchange_problem(exchange, 404, "Not found", "there is no picture of that camera");
}

bool page_answer(struct camera *const *cameras, size_t count, struct http_exchange *exchange)
{
        const char *path = http_exchange_path(exchange);

        if (http_page_answer(exchange, camera_files, HTTP_PAGE_OWN_PICTURES))
                return true;
        if (strcmp(path, "/cameras") == 0)
                answer_cameras(cameras, count, exchange);
        else if (strcmp(path, "/picture") == 0)
                answer_picture(cameras, count, exchange);
        else
                return false;
        return true;
}
