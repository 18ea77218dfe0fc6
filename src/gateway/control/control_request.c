// SPDX-License-Identifier: MIT
#include "gateway/control/control_request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A path that ends with '/' goes on with a reference, or a device, whose key has '/' in it. */
static const struct route {
        const char *method;
        const char *path;
        enum control_call call;
} routes[] = {
        {"GET", "/status", CONTROL_STATUS},
        {"GET", "/devices", CONTROL_DEVICES},
        {"GET", "/devices/", CONTROL_DEVICE},
        {"DELETE", "/devices/", CONTROL_RELEASE},
        {"GET", "/commands", CONTROL_COMMANDS},
        {"GET", "/commands/", CONTROL_COMMAND},
        {"DELETE", "/commands/", CONTROL_CANCEL},
        {"POST", "/letters/replay", CONTROL_REPLAY},
        {"POST", "/letters/drop", CONTROL_DROP},
        {"GET", "/queue", CONTROL_QUEUE},
        {"GET", "/queue/", CONTROL_STORED},
        {"GET", "/events", CONTROL_EVENTS},
        {"GET", "/letters", CONTROL_LETTERS},
        {"POST", "/provision", CONTROL_PROVISION},
        {"GET", "/provision", CONTROL_PROVISIONED},
        {"DELETE", "/provision", CONTROL_UNPROVISION},
        {"POST", "/provision/devices", CONTROL_NAME},
        {"GET", "/recent", CONTROL_RECENT},
        {"GET", "/log", CONTROL_LOG},
};

static bool is_about_device(enum control_call call)
{
        return call == CONTROL_DEVICE || call == CONTROL_RELEASE;
}

static bool fits(const struct route *route, const char *path)
{
        size_t size = strlen(route->path);

        if (route->path[size - 1] != '/')
                return text_equal(route->path, path);
        return strncmp(route->path, path, size) == 0 && path[size] != '\0' &&
               (is_about_device(route->call) || !strchr(path + size, '/'));
}

static int find_route(const struct control_source *source, const struct route **found,
                      struct reason *reason)
{
        int status = 404;

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (!fits(&routes[i], source->path))
                        continue;
                status = 405;
                *found = &routes[i];
                if (text_equal(routes[i].method, source->method))
                        return 0;
        }
        if (status == 404)
                reason_set(reason, "there is no such path; ask for /status, /devices, "
                                   "/devices/DEVICE, /commands, /commands/REFERENCE, /queue, "
                                   "/queue/ID, /events, /letters, /letters/replay, "
                                   "/letters/drop, /provision, /provision/devices, /recent or "
                                   "/log");
        else
                reason_set(reason, "the method '%.16s' is not for this path", source->method);
        return status;
}

static const char *argument(const struct control_source *source, const char *name)
{
        return source->argument(source->context, name);
}

static bool read_phase(const char *name, struct control_request *request, struct reason *reason)
{
        request->has_phase = name != NULL;
        if (!name)
                return true;
        for (int i = 0; i < DEVICE_PHASE_COUNT; i++) {
                request->phase = (enum device_phase)i;
                if (text_equal(name, device_phase_name(request->phase)))
                        return true;
        }
        reason_set(reason,
                   "there is no state '%.64s' of devices; choose new, registering, connecting, "
                   "ready or held",
                   name);
        return false;
}

static bool read_limit(const char *text, struct control_request *request, struct reason *reason)
{
        int64_t limit = CONTROL_LIMIT_DEFAULT;

        if (text && !text_to_int64(text, 1, CONTROL_LIMIT_MAX, &limit)) {
                reason_set(reason, "the limit is a number from 1 to %d", CONTROL_LIMIT_MAX);
                return false;
        }
        request->limit = (size_t)limit;
        return true;
}

/* A switch that is off unless it is given. */
static bool read_switch(const struct control_source *source, const char *name, bool *on,
                        struct reason *reason)
{
        const char *text = argument(source, name);

        *on = text_equal(text, "true");
        if (!text || *on || text_equal(text, "false"))
                return true;
        reason_set(reason, "'%s' is true or false", name);
        return false;
}

static int compare_ids(const void *left, const void *right)
{
        int64_t a = *(const int64_t *)left;
        int64_t b = *(const int64_t *)right;

        return (a > b) - (a < b);
}

/* "5,7,9" */
static bool read_ids(const char *text, struct control_request *request, struct reason *reason)
{
        while (text && request->id_count < CONTROL_IDS_MAX) {
                char id[24] = "";
                size_t length = strcspn(text, ",");

                if (length < sizeof(id))
                        memcpy(id, text, length);
                if (!text_to_int64(id, 1, INT64_MAX - 1, &request->ids[request->id_count]))
                        break;
                request->id_count++;
                text = text[length] ? text + length + 1 : NULL;
        }
        if (text)
                reason_set(reason,
                           "'ids' are numbers of dead letters with commas between them, at "
                           "most %d",
                           CONTROL_IDS_MAX);
        qsort(request->ids, request->id_count, sizeof(request->ids[0]), compare_ids);
        return !text;
}

/* Which dead letters: some, or all. */
static bool read_letters(const struct control_source *source, struct control_request *request,
                         struct reason *reason)
{
        const char *ids = argument(source, "ids");
        const char *before = argument(source, "before");
        bool all;

        if (!read_switch(source, "all", &all, reason))
                return false;
        if (all == (ids != NULL)) {
                reason_set(reason, "give either 'ids' or 'all=true'");
                return false;
        }
        if (before && !text_to_int64(before, 1, INT64_MAX - 1, &request->before)) {
                reason_set(reason, "'before' is the number of a dead letter");
                return false;
        }
        return read_ids(ids, request, reason) &&
               read_limit(argument(source, "limit"), request, reason);
}

/* A page of what is in the store. */
static bool read_page(const struct control_source *source, struct control_request *request,
                      struct reason *reason)
{
        const char *after = argument(source, "after");

        if (after && !text_to_int64(after, 0, INT64_MAX - 1, &request->after)) {
                reason_set(reason, "'after' is the id of an event or dead letter");
                return false;
        }
        return read_limit(argument(source, "limit"), request, reason);
}

static bool read_after(const struct control_source *source, struct control_request *request,
                       struct reason *reason)
{
        const char *after = argument(source, "after");

        if (!after || text_to_int64(after, 0, INT64_MAX - 1, &request->after))
                return true;
        reason_set(reason, "'after' is the number that the last answer called 'next'");
        return false;
}

static bool read_provision(const struct control_source *source, struct control_request *request,
                           struct reason *reason)
{
        const char *limit = argument(source, "limit");
        int64_t most = 0;

        if (limit && !text_to_int64(limit, 1, CONTROL_BULK_MAX, &most)) {
                reason_set(reason, "the limit is a number from 1 to %d", CONTROL_BULK_MAX);
                return false;
        }
        request->limit = (size_t)most;
        request->application = argument(source, "application");
        return read_switch(source, "again", &request->again, reason) &&
               read_switch(source, "dryRun", &request->dry_run, reason) &&
               read_switch(source, "lists", &request->lists, reason);
}

static bool read_id(const char *text, struct control_request *request, struct reason *reason)
{
        if (text_to_int64(text, 1, INT64_MAX - 1, &request->id))
                return true;
        reason_set(reason, "'%.64s' is no id; /letters and /events show them", text);
        return false;
}

static bool check_reference(const char *reference, struct reason *reason)
{
        if (strlen(reference) >= COMMAND_REFERENCE_MIN)
                return true;
        reason_set(reason, "at least %d characters of a reference are needed",
                   COMMAND_REFERENCE_MIN);
        return false;
}

static bool read_arguments(const struct control_source *source, struct control_request *request,
                           struct reason *reason)
{
        const char *state = argument(source, "state");

        if (!is_about_device(request->call))
                request->filter.device = argument(source, "device");
        switch (request->call) {
        case CONTROL_DEVICES:
                return read_phase(state, request, reason) &&
                       read_switch(source, "moved", &request->moved, reason) &&
                       read_limit(argument(source, "limit"), request, reason);
        case CONTROL_COMMANDS:
                return command_filter_choose(&request->filter, state, reason) &&
                       read_limit(argument(source, "limit"), request, reason);
        case CONTROL_CANCEL:
                return check_reference(request->reference, reason) &&
                       read_switch(source, "force", &request->force, reason);
        case CONTROL_COMMAND:
                return check_reference(request->reference, reason);
        case CONTROL_REPLAY:
        case CONTROL_DROP:
                return read_letters(source, request, reason);
        case CONTROL_RELEASE:
                return read_switch(source, "force", &request->force, reason);
        case CONTROL_RECENT:
                return read_limit(argument(source, "limit"), request, reason);
        case CONTROL_EVENTS:
        case CONTROL_LETTERS:
                return read_page(source, request, reason);
        case CONTROL_PROVISION:
                return read_provision(source, request, reason);
        case CONTROL_NAME:
                return read_switch(source, "more", &request->more, reason);
        case CONTROL_PROVISIONED:
                return read_after(source, request, reason);
        case CONTROL_STORED:
                return read_id(request->reference, request, reason);
        case CONTROL_UNPROVISION:
        case CONTROL_QUEUE:
        case CONTROL_DEVICE:
        case CONTROL_STATUS:
        case CONTROL_LOG:
        case CONTROL_CALL_COUNT:
                break;
        }
        return true;
}

int control_request_parse(const struct control_source *source, struct control_request *request,
                          struct reason *reason)
{
        const struct route *route = NULL;
        int status = find_route(source, &route, reason);

        if (status != 0)
                return status;
        *request = (struct control_request){.call = route->call};
        if (route->call == CONTROL_COMMAND || route->call == CONTROL_CANCEL ||
            route->call == CONTROL_STORED)
                request->reference = source->path + strlen(route->path);
        if (is_about_device(route->call))
                request->filter.device = source->path + strlen(route->path);
        return read_arguments(source, request, reason) ? 0 : 400;
}
