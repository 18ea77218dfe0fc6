// SPDX-License-Identifier: MIT
#include "gateway/device/device_listing.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"
#include "conf/checks.h"
#include "gateway/device/network_settings.h"
#include "monitor/monitor_call.h"

/* Away or busy: the same page again. */
#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS (INT64_C(15) * 60 * 1000)

/* Refused, which a person must put right: all over again. */
#define REFUSED_MIN_MS (INT64_C(60) * 1000)
#define REFUSED_MAX_MS (INT64_C(60) * 60 * 1000)

/* A listing that always has one more page than this has lost its way. */
#define MAXIMUM_PAGES 10000

/* So many devices of a page are taken in at a time, before others get their turn on the thread. */
#define DEVICES_PER_TURN 64

/* How large a page is may be for the network alone to decide. There is one at a time. */
#define PAGE_BYTES_MAX ((size_t)8 << 20)

/* One list to read: all devices of a network, or those of one application. */
struct source {
        struct list_node node; /* on listing->due */
        struct timer timer;
        struct device_listing *listing;
        const struct network *network;
        struct listing_access access;
        int64_t refresh_ms; /* 0 = not again */
        int failures;       /* in a row */
        /* Of the pass that is under way. */
        char *page;        /* which one is next; NULL = the first */
        struct map *asked; /* pages so far */
        char *first;       /* device of the last page */
        size_t pages;
        size_t devices;
        size_t waiting;  /* of them, for their first uplink */
        bool is_resting; /* between two passes, or before trying again */
        bool is_stale;   /* a refresh was asked for during the pass that is under way */
        bool is_awaited; /* since a refresh was asked for */
};

/* A page that was asked for, and its answer on its way between threads. */
struct exchange {
        struct device_listing *listing;
        struct source *source;
        enum {
                EXCHANGE_GOOD,
                EXCHANGE_UNAVAILABLE,
                EXCHANGE_REFUSED,
        } result;
        int64_t retry_after_ms;
        struct monitor_call *call;
        struct reason reason;
        struct device_list list;
        size_t taken; /* devices of it */
        bool is_void; /* nobody wants it any more */
};

struct device_listing {
        struct device_listing_options options;
        struct source *sources;
        size_t count;
        struct list due;
        struct exchange *under_way; /* the one there is; or NULL */
        bool rests;                 /* another gateway reads */
        bool stopped;
};

/* --- life --------------------------------------------------------------------------------- */

static void add_source(void *context, const struct network *network,
                       const struct listing_access *access, int64_t refresh_minutes)
{
        struct device_listing *listing = context;

        listing->sources =
                mem_resize(listing->sources, listing->count + 1, sizeof(*listing->sources));
        listing->sources[listing->count++] = (struct source){
                .listing = listing,
                .network = network,
                .access = *access,
                .refresh_ms = refresh_minutes * 60 * 1000,
                .is_resting = true,
        };
}

struct device_listing *device_listing_new(const struct device_listing_options *options)
{
        struct device_listing *listing = mem_new(1, sizeof(*listing));

        listing->options = *options;
        list_init(&listing->due);
        network_settings_each_listing(options->settings, add_source, listing);
        return listing;
}

static void end_exchange(struct device_listing *listing)
{
        if (!listing->under_way)
                return;
        device_list_deinit(&listing->under_way->list);
        free(listing->under_way->call);
        free(listing->under_way);
        listing->under_way = NULL;
}

/* Forgets how far the list was read. */
static void end_pass(struct source *source)
{
        free(source->page);
        free(source->first);
        map_free(source->asked);
        source->page = NULL;
        source->first = NULL;
        source->asked = NULL;
        source->pages = 0;
        source->devices = 0;
        source->waiting = 0;
}

void device_listing_free(struct device_listing *listing)
{
        if (!listing)
                return;
        end_exchange(listing);
        for (size_t i = 0; i < listing->count; i++)
                end_pass(&listing->sources[i]);
        free(listing->sources);
        free(listing);
}

void device_listing_stop(struct device_listing *listing)
{
        THREAD_ASSERT(LOOP_THREAD);
        listing->stopped = true;
}

/* --- whose turn --------------------------------------------------------------------------- */

static void ask_next(struct device_listing *listing);

static void make_due(struct source *source)
{
        source->is_resting = false;
        list_push_back(&source->listing->due, &source->node);
}

static void on_timer(struct timer *timer)
{
        struct source *source = list_entry(timer, struct source, timer);

        if (source->listing->stopped)
                return;
        make_due(source);
        ask_next(source->listing);
}

static void wait(struct source *source, int64_t delay_ms)
{
        source->is_resting = true;
        source->timer.run = on_timer;
        loop_timer_start(source->listing->options.loop, &source->timer, delay_ms);
}

static const char *application_of(const struct source *source)
{
        return source->access.application ? source->access.application : "";
}

static struct listing_of listing_of(const struct source *source)
{
        return (struct listing_of){source->network, source->access.application};
}

/* Whoever waits for the list is told: it was read, or not. */
static void tell(struct source *source, const struct reason *failure)
{
        struct device_listing_ear *ear = source->listing->options.ear;
        struct listing_of of = listing_of(source);

        /* What was read began before it was asked for. */
        if (source->is_stale && !failure)
                return;
        source->is_awaited = false;
        ear->read(ear, &of, failure);
}

/* --- the end of a page -------------------------------------------------------------------- */

static void failed(struct source *source, const struct exchange *exchange)
{
        bool refused = exchange->result == EXCHANGE_REFUSED;
        int64_t delay_ms = refused ? backoff_ms(++source->failures, REFUSED_MIN_MS, REFUSED_MAX_MS)
                                   : backoff_ms(++source->failures, AGAIN_MIN_MS, AGAIN_MAX_MS);

        if (exchange->retry_after_ms > delay_ms)
                delay_ms = exchange->retry_after_ms;
        metrics_add(METRIC_LISTING_FAILED, 1);
        log_warn("DEVICE_LIST_FAILED", "A network's list of devices could not be read",
                 LOG_TEXT("network", source->network->name),
                 LOG_TEXT("application", application_of(source)),
                 LOG_TEXT("reason", exchange->reason.text), LOG_INT("again_in_ms", delay_ms),
                 LOG_END);
        if (refused)
                end_pass(source);
        wait(source, delay_ms);
        tell(source, &exchange->reason);
}

/* Warns and returns true if the list goes on for ever: the pass ends with what has been read. */
static bool warn_of_circles(struct source *source, const struct device_list *list)
{
        const char *why = NULL;

        if (source->pages >= MAXIMUM_PAGES)
                why = "it has too many pages";
        else if (map_get(source->asked, list->next))
                why = "it names a page that was read already";
        else if (list->count > 0 && text_equal(source->first, list->devices[0].device))
                why = "a page begins with the same device as the one before";
        if (why)
                log_warn("DEVICE_LIST_ENDLESS", "A network's list of devices does not end",
                         LOG_TEXT("network", source->network->name),
                         LOG_TEXT("application", application_of(source)), LOG_TEXT("reason", why),
                         LOG_INT("pages", source->pages), LOG_END);
        return why != NULL;
}

static void turn_page(struct source *source, struct device_list *list)
{
        free(source->page);
        source->page = list->next;
        list->next = NULL;
        map_set(source->asked, source->page, source);
        if (list->count == 0)
                return;
        free(source->first);
        source->first = mem_text(list->devices[0].device);
}

static void finish_page(struct source *source, struct device_list *list)
{
        source->failures = 0;
        source->pages++;
        source->devices += list->count;
        if (!source->asked)
                source->asked = map_new();
        if (list->next && !warn_of_circles(source, list)) {
                turn_page(source, list);
                make_due(source);
                return;
        }
        metrics_add(METRIC_LISTING_READ, 1);
        log_info("DEVICE_LIST_READ", "A network's list of devices has been read",
                 LOG_TEXT("network", source->network->name),
                 LOG_TEXT("application", application_of(source)),
                 LOG_INT("devices", source->devices), LOG_INT("waiting", source->waiting),
                 LOG_INT("pages", source->pages), LOG_INT("again_in_ms", source->refresh_ms),
                 LOG_END);
        end_pass(source);
        source->is_resting = true;
        if (source->is_stale)
                make_due(source);
        else if (source->refresh_ms > 0)
                wait(source, source->refresh_ms);
        tell(source, NULL);
        source->is_stale = false;
}

/* --- the answer --------------------------------------------------------------------------- */

/* What can't be used of it counts as not said. */
static void examine(const struct source *source, struct listed_device *device)
{
        struct device_attributes *attributes = &device->attributes;
        struct reason remark = REASON_INIT;

        if (attributes->model_id && !check_model_id(attributes->model_id, &remark)) {
                reason_prefix(&remark, "the attribute dtdlmodelid is '%.160s'",
                              attributes->model_id);
                free(attributes->model_id);
                attributes->model_id = NULL;
        }
        if (device->remark)
                reason_add(&remark, "%s", device->remark);
        if (remark.text[0] != '\0')
                log_warn("DEVICE_ATTRIBUTE_INVALID", "An attribute of a device can't be used",
                         LOG_TEXT("network", source->network->name),
                         LOG_TEXT("application", application_of(source)),
                         LOG_TEXT("device", device->device), LOG_TEXT("reason", remark.text),
                         LOG_END);
}

static void take_device(struct source *source, struct listed_device *listed)
{
        struct device_listing_ear *ear = source->listing->options.ear;
        struct listing_of of = listing_of(source);
        struct reason reason = REASON_INIT;
        struct device *device = NULL;

        examine(source, listed);
        if (ear->lets_make(ear))
                device = device_table_list(source->listing->options.devices, source->network,
                                           source->access.application, listed, &reason);
        ear->listed(ear, &of, listed, device, &reason);
        if (device) {
                device->keeper->wake(device);
                return;
        }
        source->waiting++;
        log_debug("DEVICE_WAITS", "A listed device can't be connected before its uplink",
                  LOG_TEXT("network", source->network->name), LOG_TEXT("device", listed->device),
                  LOG_TEXT("reason", reason.text), LOG_END);
}

/* Another gateway reads from here on. */
static void end_all(struct device_listing *listing)
{
        struct exchange *under_way = listing->under_way;

        while (list_pop_front(&listing->due))
                continue;
        for (size_t i = 0; i < listing->count; i++) {
                struct source *source = &listing->sources[i];

                loop_timer_stop(listing->options.loop, &source->timer);
                source->is_stale = false;
                source->is_awaited = false;
                source->failures = 0;
                /* The thread "http" may be reading its page: drop_page. */
                if (under_way && under_way->source == source)
                        continue;
                end_pass(source);
                source->is_resting = true;
        }
        if (under_way)
                under_way->is_void = true;
}

/* What was asked before another gateway had its turn. */
static void drop_page(struct exchange *exchange)
{
        struct device_listing *listing = exchange->listing;
        struct source *source = exchange->source;

        end_pass(source);
        if (listing->rests)
                source->is_resting = true;
        else
                make_due(source);
        end_exchange(listing);
        ask_next(listing);
}

/* On the thread "loop": takes in a part of the page, and comes again for the rest. */
static void take_page(void *context)
{
        struct exchange *exchange = context;
        struct device_listing *listing = exchange->listing;
        struct source *source = exchange->source;
        size_t end = exchange->taken + DEVICES_PER_TURN;

        if (listing->stopped)
                return;
        if (exchange->is_void) {
                drop_page(exchange);
                return;
        }
        for (; exchange->taken < end && exchange->taken < exchange->list.count; exchange->taken++)
                take_device(source, &exchange->list.devices[exchange->taken]);
        if (exchange->taken < exchange->list.count) {
                loop_post(listing->options.loop, take_page, exchange);
                return;
        }
        device_table_listed(listing->options.devices);
        if (exchange->result == EXCHANGE_GOOD)
                finish_page(source, &exchange->list);
        else
                failed(source, exchange);
        end_exchange(listing);
        ask_next(listing);
}

/* On the thread "http": what is the answer worth? */
static void judge(struct exchange *exchange, const struct http_answer *answer)
{
        const struct listing_driver *driver = exchange->source->network->listing;
        const char *body = buf_text(&answer->body);

        exchange->retry_after_ms = answer->retry_after_ms;
        exchange->reason = answer->reason;
        exchange->result = EXCHANGE_UNAVAILABLE;
        if (answer->failure != HTTP_OK)
                return;
        if (answer->status != 200) {
                driver->explain(answer->status, body, answer->body.size, &exchange->reason);
                if (answer->status != 429 && answer->status != 408 && answer->status < 499)
                        exchange->result = EXCHANGE_REFUSED;
                return;
        }
        if (driver->read(exchange->source->page, body, answer->body.size, &exchange->list,
                         &exchange->reason) != 0) {
                device_list_deinit(&exchange->list);
                return;
        }
        exchange->result = EXCHANGE_GOOD;
        if (exchange->reason.text[0] != '\0')
                log_warn("DEVICE_LIST_REMARK", "A part of a list of devices can't be used",
                         LOG_TEXT("network", exchange->source->network->name),
                         LOG_TEXT("application", application_of(exchange->source)),
                         LOG_TEXT("remark", exchange->reason.text), LOG_END);
}

static void answered(void *context, const struct http_answer *answer)
{
        struct exchange *exchange = context;

        if (answer->failure == HTTP_E_STOPPED)
                return;
        monitor_call_end(exchange->listing->options.monitor, exchange->call, answer->failure,
                         answer->status, NULL);
        exchange->call = NULL;
        judge(exchange, answer);
        loop_post(exchange->listing->options.loop, take_page, exchange);
}

/* --- the question ------------------------------------------------------------------------- */

static void ask(struct source *source)
{
        struct device_listing *listing = source->listing;
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;
        struct exchange *exchange = mem_new(1, sizeof(*exchange));
        struct http_header headers[2];

        exchange->listing = listing;
        exchange->source = source;
        listing->under_way = exchange;
        source->network->listing->request(&source->access, source->page, &request);
        exchange->call = monitor_call_begin(listing->options.monitor, request.method, request.url);
        headers[0] = (struct http_header){"Authorization", request.authorization};
        headers[1] = (struct http_header){"Accept", "application/json"};
        http_client_send(listing->options.http,
                         &(struct http_request){.method = request.method,
                                                .url = request.url,
                                                .headers = headers,
                                                .header_count = ARRAY_SIZE(headers),
                                                .maximum_answer = PAGE_BYTES_MAX},
                         answered, exchange);
}

static void ask_next(struct device_listing *listing)
{
        struct list_node *node;

        if (listing->stopped || listing->under_way)
                return;
        node = list_pop_front(&listing->due);
        if (node)
                ask(list_entry(node, struct source, node));
}

void device_listing_turn(struct device_listing *listing, bool reads)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (reads) {
                listing->rests = false;
                device_listing_refresh(listing);
                return;
        }
        listing->rests = true;
        end_all(listing);
}

size_t device_listing_refresh(struct device_listing *listing)
{
        THREAD_ASSERT(LOOP_THREAD);
        for (size_t i = 0; i < listing->count && !listing->rests; i++) {
                struct source *source = &listing->sources[i];

                source->is_awaited = true;
                if (source->is_resting) {
                        loop_timer_stop(listing->options.loop, &source->timer);
                        make_due(source);
                } else {
                        source->is_stale = true;
                }
        }
        ask_next(listing);
        return listing->count;
}

size_t device_listing_pending(const struct device_listing *listing)
{
        size_t pending = 0;

        for (size_t i = 0; i < listing->count; i++)
                pending += listing->sources[i].is_awaited;
        return pending;
}
