// SPDX-License-Identifier: MIT
#include "formatter/formatter_probation.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "formatter/formatter_files.h"
#include "formatter/formatter_request.h"
#include "formatter/formatter_wire.h"

/* Devices that are remembered; beyond that, and after so long, those of which nothing waits go. */
#define MOST_DEVICES 4096
#define MEMORY_MS    (60 * 60 * INT64_C(1000))

struct terms {
        int64_t first_pause_ms; /* doubled for each further offence */
        int64_t longest_pause_ms;
        int good_calls;
        int most_good_calls; /* doubled up to this */
};

static const struct terms device_terms = {
        .first_pause_ms = 1000, .longest_pause_ms = 60000, .good_calls = 3, .most_good_calls = 3};
static const struct terms version_terms = {
        .first_pause_ms = 100, .longest_pause_ms = 500, .good_calls = 20, .most_good_calls = 640};

struct formatter_offender {
        struct list_node node;
        const struct terms *terms;
        char *device;                      /* formatter_wire_device; NULL = it is a version */
        struct formatter_version *version; /* or NULL */
        int offences;
        int good_calls; /* since the last one */
        int64_t offended_ms;
        int64_t pause_ends_ms;
        struct list waiting;
};

struct formatter_probation {
        struct list offenders; /* the one whose turn was longest ago first */
        struct map *devices;
};

struct formatter_probation *formatter_probation_new(void)
{
        struct formatter_probation *probation = mem_new(1, sizeof(*probation));

        list_init(&probation->offenders);
        probation->devices = map_new();
        return probation;
}

static void release(struct formatter_probation *probation, struct formatter_offender *offender)
{
        list_remove(&probation->offenders, &offender->node);
        if (offender->device)
                map_remove(probation->devices, offender->device);
        else
                offender->version->offender = NULL;
        free(offender->device);
        free(offender);
}

void formatter_probation_free(struct formatter_probation *probation)
{
        if (!probation)
                return;
        list_for_each_safe (node, &probation->offenders)
                release(probation, list_entry(node, struct formatter_offender, node));
        map_free(probation->devices);
        free(probation);
}

/* NULL = its device is not on probation, or it has none. */
static struct formatter_offender *device_of(const struct formatter_probation *probation,
                                            const struct formatter_request *request)
{
        CLEANUP(mem_cleanup) char *device = NULL;

        if (map_count(probation->devices) == 0)
                return NULL;
        device = formatter_wire_device(&request->input);
        return device ? map_get(probation->devices, device) : NULL;
}

static struct formatter_offender *version_of(const struct formatter_request *request)
{
        return request->file->current ? request->file->current->offender : NULL;
}

/* --- waiting ------------------------------------------------------------------------------- */

bool formatter_probation_take(struct formatter_probation *probation,
                              struct formatter_request *request)
{
        struct formatter_offender *offender = device_of(probation, request);

        if (!offender)
                offender = version_of(request);
        if (offender)
                list_push_back(&offender->waiting, &request->node);
        return offender != NULL;
}

struct formatter_request *formatter_probation_next(struct formatter_probation *probation,
                                                   int64_t now_ms)
{
        list_for_each_safe (node, &probation->offenders) {
                struct formatter_offender *offender =
                        list_entry(node, struct formatter_offender, node);

                if (list_is_empty(&offender->waiting) || now_ms < offender->pause_ends_ms)
                        continue;
                list_remove(&probation->offenders, node);
                list_push_back(&probation->offenders, node);
                return formatter_request_of(list_pop_front(&offender->waiting));
        }
        return NULL;
}

int64_t formatter_probation_due_ms(const struct formatter_probation *probation)
{
        int64_t due_ms = INT64_MAX;

        list_for_each (node, &probation->offenders) {
                const struct formatter_offender *offender =
                        list_entry(node, struct formatter_offender, node);

                if (!list_is_empty(&offender->waiting) && offender->pause_ends_ms < due_ms)
                        due_ms = offender->pause_ends_ms;
        }
        return due_ms;
}

/* --- offences ------------------------------------------------------------------------------ */

/* Doubles `first` with each time after the first one. */
static int64_t grown(int64_t first, int64_t most, int times)
{
        while (--times > 0 && first < most)
                first *= 2;
        return first < most ? first : most;
}

static void punish(struct formatter_offender *offender, int64_t now_ms)
{
        offender->offences++;
        offender->good_calls = 0;
        offender->offended_ms = now_ms;
        offender->pause_ends_ms =
                now_ms + grown(offender->terms->first_pause_ms, offender->terms->longest_pause_ms,
                               offender->offences);
}

static struct formatter_offender *offender_new(struct formatter_probation *probation,
                                               const struct terms *terms)
{
        struct formatter_offender *offender = mem_new(1, sizeof(*offender));

        offender->terms = terms;
        list_init(&offender->waiting);
        list_push_back(&probation->offenders, &offender->node);
        return offender;
}

/* Makes room for one more: those who were quiet for long, else the one that was longest. */
static void forget_devices(struct formatter_probation *probation, int64_t now_ms)
{
        struct formatter_offender *oldest = NULL;

        list_for_each_safe (node, &probation->offenders) {
                struct formatter_offender *offender =
                        list_entry(node, struct formatter_offender, node);

                if (!offender->device || !list_is_empty(&offender->waiting))
                        continue;
                if (now_ms - offender->offended_ms > MEMORY_MS)
                        release(probation, offender);
                else if (!oldest || offender->offended_ms < oldest->offended_ms)
                        oldest = offender;
        }
        if (oldest && map_count(probation->devices) >= MOST_DEVICES)
                release(probation, oldest);
}

static void add_device(struct formatter_probation *probation,
                       const struct formatter_request *request, int64_t now_ms)
{
        char *device = formatter_wire_device(&request->input);
        struct formatter_offender *offender;

        if (!device)
                return;
        forget_devices(probation, now_ms);
        offender = offender_new(probation, &device_terms);
        offender->device = device;
        map_set(probation->devices, device, offender);
        punish(offender, now_ms);
}

static void blame_version(struct formatter_probation *probation, struct formatter_file *file,
                          int64_t now_ms)
{
        struct formatter_version *version = file->current;

        if (!version)
                return;
        if (!version->offender) {
                version->offender = offender_new(probation, &version_terms);
                version->offender->version = version;
                log_warn("FORMATTER_PROBATION",
                         "A payload formatter ended or held up its worker; it runs alone for now",
                         LOG_TEXT("formatter", file->name), LOG_END);
        }
        punish(version->offender, now_ms);
}

void formatter_probation_offended(struct formatter_probation *probation,
                                  const struct formatter_request *request, int64_t now_ms)
{
        struct formatter_offender *device = device_of(probation, request);

        /* What a device does that is known for it says nothing more of the version. */
        if (device) {
                punish(device, now_ms);
                return;
        }
        blame_version(probation, request->file, now_ms);
        add_device(probation, request, now_ms);
}

/* --- good conduct -------------------------------------------------------------------------- */

static void praise(struct formatter_probation *probation, struct formatter_offender *offender,
                   struct list *released)
{
        const struct terms *terms;

        if (!offender)
                return;
        terms = offender->terms;
        offender->pause_ends_ms = 0;
        if (++offender->good_calls <
            grown(terms->good_calls, terms->most_good_calls, offender->offences))
                return;
        list_splice_back(released, &offender->waiting);
        release(probation, offender);
}

void formatter_probation_behaved(struct formatter_probation *probation,
                                 const struct formatter_request *request, struct list *released)
{
        if (list_is_empty(&probation->offenders))
                return;
        praise(probation, device_of(probation, request), released);
        praise(probation, version_of(request), released);
}

void formatter_probation_forget(struct formatter_probation *probation,
                                struct formatter_version *version, struct list *released)
{
        if (!version->offender)
                return;
        list_splice_back(released, &version->offender->waiting);
        release(probation, version->offender);
}

void formatter_probation_empty(struct formatter_probation *probation, struct list *released)
{
        list_for_each (node, &probation->offenders)
                list_splice_back(released,
                                 &list_entry(node, struct formatter_offender, node)->waiting);
}
