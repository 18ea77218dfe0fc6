// SPDX-License-Identifier: MIT
/*
 * The way back that a webhook carries in its headers X-Downlink-Apikey, X-Downlink-Push and
 * X-Downlink-Replace (The Things Stack documents them under Scheduling Downlinks). Whoever
 * may post webhooks chooses these texts, so they are taken apart and compared, never followed as
 * they are: only the host, the port and the webhook's id are taken from them, and the requests are
 * built of those and of the device's own ids.
 */
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/things_stack/things_stack.h"

#define URL_LENGTH_MAX     1024
#define KEY_LENGTH_MAX     256
#define WEBHOOK_LENGTH_MAX 64

#define DIGITS     "0123456789"
#define LOWER_CASE "abcdefghijklmnopqrstuvwxyz"
#define UPPER_CASE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A URL taken apart; the texts point into it. */
struct url {
        bool is_https;
        const char *host;
        size_t host_length;
        int64_t port;
        bool has_port;
        const char *path; /* with its '/' */
};

static bool is_printable(const char *text, size_t most)
{
        size_t length = strlen(text);

        if (length == 0 || length > most)
                return false;
        for (size_t i = 0; i < length; i++) {
                if (text[i] <= ' ' || text[i] >= 0x7f)
                        return false;
        }
        return true;
}

static bool equals_nocase(const char *text, size_t length, const char *wanted)
{
        return strlen(wanted) == length && strncasecmp(text, wanted, length) == 0;
}

static bool is_host_name(const char *host, size_t length)
{
        size_t good = strspn(host, DIGITS LOWER_CASE UPPER_CASE "-.");

        return length > 0 && good >= length && host[0] != '.' && host[0] != '-' &&
               host[length - 1] != '.' && !memmem(host, length, "..", 2);
}

static bool is_loopback(const struct url *url)
{
        return equals_nocase(url->host, url->host_length, "localhost") ||
               equals_nocase(url->host, url->host_length, "127.0.0.1");
}

/* "host" or "host:port", up to the path. */
static bool read_authority(const char *text, size_t length, struct url *url)
{
        const char *colon = memchr(text, ':', length);
        CLEANUP(mem_cleanup) char *port = NULL;

        url->host = text;
        url->host_length = colon ? (size_t)(colon - text) : length;
        url->has_port = colon != NULL;
        url->port = url->is_https ? 443 : 80;
        if (!is_host_name(url->host, url->host_length))
                return false;
        if (!colon)
                return true;
        port = mem_text_n(colon + 1, length - url->host_length - 1);
        return text_to_int64(port, 1, 65535, &url->port);
}

static bool read_url(const char *text, struct url *url, struct reason *reason)
{
        const char *rest;

        url->is_https = strncasecmp(text, "https://", 8) == 0;
        if (!is_printable(text, URL_LENGTH_MAX) || strpbrk(text, "\\\"<>?#@")) {
                reason_set(reason, "it is too long or has characters that do not belong there");
        } else if (!url->is_https && strncasecmp(text, "http://", 7) != 0) {
                reason_set(reason, "it does not begin with https://");
        } else {
                rest = text + (url->is_https ? 8 : 7);
                url->path = rest + strcspn(rest, "/");
                if (!read_authority(rest, (size_t)(url->path - rest), url))
                        reason_set(reason, "its host is none");
                else if (!url->is_https && !is_loopback(url))
                        reason_set(reason, "http is allowed on this machine only; use https");
                else
                        return true;
        }
        return false;
}

/* --- hosts ---------------------------------------------------------------------------------- */

static bool is_below(const char *host, size_t length, const char *name, size_t name_length)
{
        return length > name_length &&
               strncasecmp(host + length - name_length, name, name_length) == 0;
}

static bool matches(const struct url *url, const char *name)
{
        size_t length = strcspn(name, ":");
        int64_t port = url->is_https ? 443 : 80;

        if (name[length] == ':' && !text_to_int64(name + length + 1, 1, 65535, &port))
                return false;
        if (url->port != port)
                return false;
        if (name[0] == '.')
                return is_below(url->host, url->host_length, name, length);
        return url->host_length == length && strncasecmp(url->host, name, length) == 0;
}

static bool is_allowed(const struct url *url, const struct downlink_hosts *allowed)
{
        for (size_t i = 0; i < allowed->count; i++) {
                if (matches(url, allowed->names[i]))
                        return true;
        }
        return false;
}

/* --- paths ---------------------------------------------------------------------------------- */

#define API_PATH "/api/v3/as/applications"

static const char *skip(const char *path, const char *wanted)
{
        size_t length = strlen(wanted);

        return strncmp(path, wanted, length) == 0 ? path + length : NULL;
}

/* The webhook's id if the path is that of this very application and device; else NULL. */
static char *webhook_of(const char *path, const struct event *event, const char *how)
{
        CLEANUP(buf_deinit) struct buf before = BUF_INIT;
        CLEANUP(buf_deinit) struct buf behind = BUF_INIT;
        const char *id;
        size_t length;

        buf_add_text(&before, API_PATH "/");
        text_url_escape(&before, event->application);
        buf_add_text(&before, "/webhooks/");
        buf_add_text(&behind, "/devices/");
        text_url_escape(&behind, event->device);
        buf_add_text(&behind, "/down/");
        buf_add_text(&behind, how);
        id = skip(path, buf_text(&before));
        length = id ? strspn(id, DIGITS LOWER_CASE "-") : 0;
        if (length == 0 || length > WEBHOOK_LENGTH_MAX ||
            strcmp(id + length, buf_text(&behind)) != 0)
                return NULL;
        return mem_text_n(id, length);
}

static char *base_of(const struct url *url)
{
        struct buf base = BUF_INIT;

        buf_add_text(&base, url->is_https ? "https://" : "http://");
        buf_add(&base, url->host, url->host_length);
        if (url->has_port)
                buf_add_format(&base, ":%d", (int)url->port);
        buf_add_text(&base, API_PATH);
        return buf_take(&base);
}

/* --- one URL, and both ---------------------------------------------------------------------- */

/* What is asked of each URL. */
struct demand {
        const struct event *event;
        const struct downlink_hosts *allowed;
        const char *how; /* "push", "replace" */
};

static int read_way(const char *text, const struct demand *demand, struct downlink_way *way,
                    struct reason *reason)
{
        const struct event *event = demand->event;
        struct url url;

        if (!read_url(text, &url, reason))
                return DOWNLINK_E_BAD_WAY;
        if (!is_allowed(&url, demand->allowed)) {
                reason_set(reason,
                           "its host '%.*s', port %d, is not one of "
                           "TheThingsIndustries.DownlinkHosts",
                           (int)url.host_length, url.host, (int)url.port);
                return DOWNLINK_E_BAD_WAY;
        }
        way->webhook_id = webhook_of(url.path, event, demand->how);
        if (!way->webhook_id) {
                reason_set(reason, "its path is not that of device '%s' of application '%s'",
                           event->device, event->application);
                return DOWNLINK_E_BAD_WAY;
        }
        way->base_url = base_of(&url);
        return 0;
}

/* Both must lead to the same place. */
static int check_replace(const char *text, const struct demand *demand,
                         const struct downlink_way *way, struct reason *reason)
{
        CLEANUP(downlink_way_deinit) struct downlink_way other = DOWNLINK_WAY_INIT;
        int result = read_way(text, demand, &other, reason);

        if (result != 0)
                return result;
        if (text_equal(other.base_url, way->base_url) &&
            text_equal(other.webhook_id, way->webhook_id))
                return 0;
        reason_set(reason, "it leads elsewhere than X-Downlink-Push");
        return DOWNLINK_E_BAD_WAY;
}

int things_stack_route(const struct webhook *webhook, const struct event *event,
                       const struct downlink_hosts *allowed, struct downlink_way *way,
                       struct reason *reason)
{
        const char *push = webhook_header(webhook, "X-Downlink-Push");
        const char *replace = webhook_header(webhook, "X-Downlink-Replace");
        const char *key = webhook_header(webhook, "X-Downlink-Apikey");
        struct demand demand = {.event = event, .allowed = allowed, .how = "push"};
        int result;

        if (text_is_empty(push) || text_is_empty(key))
                return DOWNLINK_E_NO_WAY;
        if (!is_printable(key, KEY_LENGTH_MAX)) {
                reason_set(reason, "X-Downlink-Apikey is no key");
                return DOWNLINK_E_BAD_WAY;
        }
        result = read_way(push, &demand, way, reason);
        if (result != 0) {
                reason_prefix(reason, "X-Downlink-Push");
                return result;
        }
        if (!text_is_empty(replace)) {
                demand.how = "replace";
                result = check_replace(replace, &demand, way, reason);
                if (result != 0) {
                        reason_prefix(reason, "X-Downlink-Replace");
                        return result;
                }
        }
        way->api_key = mem_text(key);
        return 0;
}
