// SPDX-License-Identifier: MIT
/*
 * The durable queue and the gateway's memory: events per device in order, dead letters with their
 * reason, and small records (assignments, devices, commands) by kind and key.
 *
 * Laws:
 *   - a put answers 0 only after its events are on disk (fsync); puts that arrive together share
 *     one commit;
 *   - an event leaves only by store_done or store_dead;
 *   - room for settling what was accepted is reserved: a full disk never stops the draining;
 *   - one process at a time: a second one is refused, with the name of the first.
 *
 * Threads: `store` (the one writer: commits, and calls every `done` below) and `store-read` (runs
 * takes). Nearly all functions only enqueue, never wait for the disk or the server, and may be
 * called on every thread. These wait, so that they must not be called on an I/O thread: those that
 * open, migrate, back up and close a store, the *_each functions, which read the disk on the
 * calling thread, and store_feed_begin and store_feed_end.
 *
 * A kind of store is one folder (sqlite/) and one line in the table of store.c.
 */
#ifndef ISTHMUS_STORE_STORE_H
#define ISTHMUS_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/reason.h"
#include "store/store_shard.h"
#include "store/store_share.h"

enum store_condition {
        STORE_E_FULL = 1, /* the configured size or the disk is used up; later it may work */
        STORE_E_SHARE,    /* the device holds its share of the configured size; later it may work */
        STORE_E_LOCKED,   /* another process has this store */
        STORE_E_VERSION,  /* written by a newer isthmus */
        STORE_E_DAMAGED,  /* not a store, or broken beyond what the library repairs */
        STORE_E_CLOSED,   /* store_close came first; nothing was stored */
        STORE_E_AWAY,     /* the connection to the store is lost; later it may work */
        STORE_E_FENCED,   /* of a device that is another gateway's by now; nothing was written */
};

struct buf;
struct store;
struct store_event;

/* A database server that keeps a store. TLS with verification, unless by a Unix socket. */
struct store_server {
        /* host, host:port, [address]:port, or a folder with a Unix socket; that which writes is
         * used */
        const char *const *hosts;
        size_t host_count;
        const char *database;
        const char *user;
        const char *password;             /* secret; NULL = none */
        const char *password_file;        /* read at each connection; NULL = `password` counts */
        const char *trusted_certificates; /* PEM file beside the system's; may be NULL */
        int64_t timeout_ms;               /* within which it must answer */
        /* How this process shares it with others (store_share.h). */
        int64_t lease_ms;           /* 0 = 6000 */
        int64_t releases_per_s;     /* shards, when others are to have some; 0 = 4 */
        const char *member_name;    /* NULL or "" = the machine's */
        const char *member_address; /* where it is reached, for people; may be NULL */
};

/*
 * How long something has been kept, the store counts in a time of its own: that during which it was
 * open, by the steady clock. So no step of the wall clock, not even between two runs, removes
 * anything too early; while the store is closed nothing grows older.
 */
struct store_options {
        const char *backend;   /* "sqlite", "postgresql" */
        const char *directory; /* of a store on a local disk: made (0700) if missing */
        int64_t maximum_bytes; /* bound of waiting events; 0 = none */
        /* Dead letters beyond these give way, oldest first, and are counted; 0 = no bound. */
        int64_t dead_letter_bytes;
        int64_t dead_letter_ms; /* since they died, of the store's own time */
        /* Also one of another machine, whose locks and shared memory can't be relied on. */
        bool network_file_system;
        /*
         * By what name the store is to know whose a record of this device is: adds it to `lane`.
         * For records of earlier versions, which do not say so; NULL = by the device's own.
         */
        void (*lane_of)(const char *device, struct buf *lane);
        /* Others of these may write at the same time, where the backend can do that. */
        bool shared;
        /* Of a store on a database server; its texts stay the caller's until store_close. */
        struct store_server server;
        /*
         * Or NULL. How events arrive that no put of this process is answered with: with it, those
         * that a shared store (store_is_shared) takes, whoever put them, are told here, and puts
         * are answered with the ids 0. See store_feed_begin. Of one device they come in the order
         * in which they were put. On the thread `store-read`; the event is valid during the call.
         */
        void (*found)(void *context, const struct store_event *event);
        /*
         * NULL, or a directory of a store on this machine, which takes the puts while the server is
         * away; they are answered as if the server had taken them.
         */
        const char *spill_directory;
        bool is_spill; /* the store's own */
        /*
         * Or NULL. Another process has taken the store while it was away: from here on nothing is
         * written any more, and this process should end. On the thread `store`, once.
         */
        void (*taken)(void *context);
        void *context;                /* of `found` and `taken` */
        struct store_share_ear share; /* who acts for which devices */
};

/*
 * Opens, upgrades an older schema, and starts the threads. Returns 0, a condition with its
 * `reason`, or a negative error number. `*store` is the caller's: store_close.
 */
int store_open(const struct store_options *options, struct store **store,
               struct reason *reason) MUST_CHECK;

/* Whose the tables are, where a gateway's own user is not to have the right to change them. */
struct store_owner {
        const char *user;          /* NULL = it is the same one */
        const char *password_file; /* or NULL */
};

/*
 * Makes or upgrades the storage of a store that store_open does not make or upgrade by itself; one
 * that is as it should be stays so. With an owner, that one does it, and the user of the options is
 * allowed what a gateway needs, and no more.
 */
int store_migrate(const struct store_options *options, const struct store_owner *owner,
                  struct reason *reason) MUST_CHECK;

/* May others write the store at the same time, each for some of the shards (`shared`)? */
bool store_is_shared(const struct store *store);

/* Commits what was enqueued, answers what can't be done any more, joins the threads. */
void store_close(struct store *store);

/* --- events ----------------------------------------------------------------------------- */

/* What an event is for. */
enum store_purpose {
        STORE_UPLINK = 1,        /* to be sent to the hub */
        STORE_DOWNLINK_NEWS = 2, /* tells of a downlink, and is not sent */
        STORE_BOTH = 3,          /* tells of a downlink, and is sent */
        STORE_ORDER = 4,         /* an operator's, to the gateway whose the device is */
};

struct store_event {
        int64_t id;         /* set by the store; grows in the order of acceptance */
        const char *device; /* whose order counts: "network/application/device" */
        const char *message_id;
        const void *record; /* opaque to the store */
        size_t record_size;
        int64_t arrived_ns;         /* wall clock */
        enum store_purpose purpose; /* 0 is put as STORE_UPLINK */
        /*
         * More than 0: if the same `message_id` was stored within that many milliseconds of the
         * store's own time, this event is not stored again; its id becomes 0.
         */
        int64_t duplicate_window_ms;
};

/*
 * One durable put of all its events or none. Everything stays the caller's until `done`.
 *
 * The bound has a share for each device (store_quotas.h says how large): a put is refused with
 * STORE_E_SHARE when each of its devices holds more than its share.
 */
struct store_put {
        struct store_event *events;
        size_t count;
        /* It tells what became of something accepted: it is not refused for want of room. */
        bool owed;
        /*
         * On the thread `store`: 0 (ids are set; or `found` is to tell them), STORE_E_FULL,
         * STORE_E_SHARE, STORE_E_CLOSED or negative.
         */
        void (*done)(struct store_put *put, int result);
        struct list_node node; /* the store's */
};

void store_put(struct store *store, struct store_put *put);

/*
 * From now on commits begin `pause_ms` apart, however many puts wait: those who take what was
 * stored are behind, and who puts waits for the answer. 0 = not any more.
 */
void store_hold_back(struct store *store, int64_t pause_ms);

/*
 * Reads the waiting events of one device with an id greater than `after_id`, in order, at most
 * `maximum` of them.
 */
struct store_take {
        const char *device;
        int64_t after_id;
        size_t maximum;
        bool keeps; /* whoever takes them wants them from no feed any more */
        /* On the thread `store-read`; the events are valid during the call only. */
        void (*done)(struct store_take *take, int result, const struct store_event *events,
                     size_t count);
        struct list_node node; /* the store's */
};

void store_take(struct store *store, struct store_take *take);

/* The hub has it: forget it. Committed together with others within about 100 ms. */
void store_done(struct store *store, int64_t id);

/* Move it to the dead letters. */
void store_dead(struct store *store, int64_t id, const char *reason);

/*
 * Each device with waiting events, in the order of its oldest one. Stops when `visit` is false.
 * Here and below, `shards` NULL or full is everything.
 */
int store_devices_each(struct store *store, const struct store_shards *shards,
                       bool (*visit)(void *context, const char *device, int64_t waiting),
                       void *context) MUST_CHECK;

/* Which events; zeroed, it is all of them. */
struct store_selection {
        const char *device;                /* NULL = of all */
        const struct store_shards *shards; /* if `device` is NULL */
        bool news;                         /* only those of another purpose than STORE_UPLINK */
        int64_t after_id;
};

/* Each waiting event that is meant, in order; with some of the shards, in order within each. */
int store_events_each(struct store *store, const struct store_selection *selection,
                      bool (*visit)(void *context, const struct store_event *event),
                      void *context) MUST_CHECK;

/* --- the feed --------------------------------------------------------------------------- */

/*
 * The feed of a shared store tells `found` of each event of the shards that are in it, exactly
 * once, whichever gateway put it. On a store that is not shared these do nothing.
 *
 * Returns when the feed knows where it begins: all that is committed later will come by it. What
 * is there already, the caller learns with the *_each functions and by takes that keep. Nothing is
 * told before store_feed_tell: so the caller can make itself ready for a shard in peace. An event
 * that was committed between the two may have been seen by the caller as well. Waits for the server
 * as long as it is away, unless store_feed_cancel or store_close comes first: STORE_E_CLOSED then.
 */
int store_feed_begin(struct store *store, const struct store_shards *shards);

/* Nothing begins any more: for one who ends, and waits for a thread that may be in
 * store_feed_begin.
 */
void store_feed_cancel(struct store *store);

/* From here on `found` tells of these shards. */
void store_feed_tell(struct store *store, const struct store_shards *shards);

/* Afterwards `found` tells nothing of these shards any more. Not on the thread `store-read`. */
void store_feed_end(struct store *store, const struct store_shards *shards);

/* --- dead letters ----------------------------------------------------------------------- */

struct store_dead_letter {
        struct store_event event;
        const char *reason;
        int64_t died_ms;
};

/* Each dead letter with an id above `after_id`, in the order of their ids. */
int store_dead_each(struct store *store, int64_t after_id,
                    bool (*visit)(void *context, const struct store_dead_letter *letter),
                    void *context) MUST_CHECK;

/* Some dead letters that go back into the queue, or away for good. */
struct store_letters {
        /* Which ones: those with these ids, ascending; or with NULL those below `end`. */
        const int64_t *ids;
        size_t count;
        int64_t end;    /* 0 = all there are when their turn comes; is set then */
        size_t maximum; /* change no more than so many; 0 = all */
        /*
         * Each replayed event, in order; on the thread `store`, after the commit; or NULL. Not if
         * `found` is to tell them.
         */
        void (*replayed)(struct store_letters *letters, const struct store_event *event);
        /*
         * On the thread `store`: 0, and the following are set; or, when the disk refuses,
         * STORE_E_FULL, STORE_E_CLOSED or negative, and only `changed` is.
         */
        void (*done)(struct store_letters *letters, int result);
        size_t changed;
        int64_t left; /* dead letters in the store */
        bool more;    /* `maximum` or the store's bound ended it */
};

/*
 * Back into the queue with new ids, in the order of the old ones: behind what waits at that moment
 * and before what comes later; of a great many, what comes meanwhile may come between them. Ends
 * when the store is full: what did not fit stays dead. Everything stays the caller's until `done`.
 */
void store_dead_replay(struct store *store, struct store_letters *letters);

/* Away for good. */
void store_dead_drop(struct store *store, struct store_letters *letters);

/* --- records ---------------------------------------------------------------------------- */

struct store_record {
        const char *kind; /* "assignment", "device", "command", ... */
        const char *key;
        /*
         * Whose it is; NULL = nobody's. On a shared store that of a device is written only by the
         * gateway whose the device's shard is: else it is answered STORE_E_FENCED.
         */
        const char *device;
        const void *value; /* NULL deletes */
        size_t value_size;
        /*
         * Removed some time after so many milliseconds of the store's own time (store_options);
         * 0 = never. When it is read: what is left of them.
         */
        int64_t keep_ms;
        int64_t epoch; /* the store's own, both: of the shard, when it was handed over; or below */
        bool fenced;
};

/* Nobody else can have the shard. */
#define STORE_NO_EPOCH (-1)

struct store_write {
        struct store_record record;
        /*
         * On the thread `store`, after the commit; may be NULL. As a put's; or STORE_E_FENCED: the
         * caller does nothing further for this device.
         */
        void (*done)(struct store_write *write, int result);
        struct list_node node; /* the store's */
};

/* Everything stays the caller's until `done`. */
void store_write(struct store *store, struct store_write *write);

/* As store_write without waiting for the outcome: copies the record. */
void store_write_copy(struct store *store, const struct store_record *record);

/* Each live record of a kind, in the order of the keys; with some of the shards, within each. */
int store_records_each(struct store *store, const char *kind, const struct store_shards *shards,
                       bool (*visit)(void *context, const struct store_record *record),
                       void *context) MUST_CHECK;

/* Each kind of which there is a record, in their order. */
int store_kinds_each(struct store *store, bool (*visit)(void *context, const char *kind),
                     void *context) MUST_CHECK;

/* --- claims ----------------------------------------------------------------------------- */

/*
 * An identity that only one device may have, in the whole store. It is kept as a record: of this
 * kind, the identity is the key, and the value is the device, with a line feed and the template
 * behind it if there is one. It is never fenced: a claim is a device's, whoever makes it.
 */
struct store_claim {
        const char *kind; /* "owner", ... */
        const char *identity;
        const char *device;
        const char *lane;     /* by which the store knows whose the device is; NULL = `device` */
        const char *template; /* what made the identity; may be NULL */
        /*
         * On the thread `store`: 0, and who has the identity now, with the template of its claim or
         * NULL; or STORE_E_CLOSED or negative. Claims are not refused while the store is away: they
         * wait.
         */
        void (*done)(struct store_claim *claim, int result, const char *device,
                     const char *template);
};

/* Everything stays the caller's until `done`. */
void store_claim(struct store *store, struct store_claim *claim);

/* The device wants it no more; nothing happens if it has it not. Copies the texts. */
void store_claim_release(struct store *store, const char *kind, const char *identity,
                         const char *device);

/* --- state ------------------------------------------------------------------------------ */

struct store_state {
        int64_t events;
        int64_t bytes; /* of the events: what counts against maximum_bytes */
        int64_t dead_letters;
        int64_t dead_bytes;
        int64_t oldest_ns; /* when the event that waits longest arrived (wall clock); 0 = none */
        bool full;       /* the last put was refused whoever sent it, and no room was made since */
        bool away;       /* the connection is lost */
        int64_t spilled; /* events in the spill */
};

void store_get_state(struct store *store, struct store_state *state);

/* How long the event that waits longest has waited, in seconds; 0 = none waits. */
int64_t store_state_age_s(const struct store_state *state);

/*
 * Opens a store of perhaps a running gateway for reading only (the *_each functions and
 * store_get_state); takes no lock and starts no thread. store_close ends it.
 */
int store_open_to_read(const struct store_options *options, struct store **store,
                       struct reason *reason) MUST_CHECK;

/*
 * Writes what the store holds, also that of a running gateway, into a file (0600) from which a
 * store can be restored: everything that was acknowledged before it began is there. The file
 * appears when it is whole and on disk; one that exists is replaced only if `overwrite` is given.
 * Fills `state` with what is in it.
 */
int store_backup(const struct store_options *options, const char *path, bool overwrite,
                 struct store_state *state, struct reason *reason) MUST_CHECK;

#endif
