// SPDX-License-Identifier: MIT
/*
 * What a storage supplies to be shared by several processes: a few statements, one at a time, on
 * the thread `store-share`. What to do when is in share/, the same for every backend.
 */
#ifndef ISTHMUS_STORE_STORE_SHARE_BACKEND_H
#define ISTHMUS_STORE_STORE_SHARE_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "store/store_share.h"

struct store_options;

/* Most members that are looked at; the first to join come first. */
#define STORE_SHARE_MEMBERS 256

/* Shards and tasks, each at its number less STORE_SHARD_FIRST. */
#define STORE_SHARE_ROWS (STORE_SHARD_END - STORE_SHARD_FIRST)

enum store_share_action {
        STORE_SHARE_WAIT, /* nothing is to be done now */
        STORE_SHARE_JOIN,
        STORE_SHARE_BEAT,
        STORE_SHARE_LOOK,
        STORE_SHARE_FENCE,
        STORE_SHARE_CLAIM,
        STORE_SHARE_RELEASE,
        STORE_SHARE_GO,
};

enum store_share_state {
        STORE_SHARE_LIVE,
        STORE_SHARE_UNABLE, /* it has no way to the hubs */
        STORE_SHARE_LEAVING,
};

/* As the storage writes it. */
const char *store_share_state_name(enum store_share_state state);
enum store_share_state store_share_state_of(const char *name);

struct store_server;

/* How this process is called: as the settings say, or as its machine. */
void store_share_name(const struct store_server *server, char name[STORE_MEMBER_TEXT]);

struct store_share_statement {
        enum store_share_action action;
        int64_t sent_ns; /* by the asking process' clock; not for the storage */
        /* All but JOIN: who asks. JOIN: who it was before, and is not any more; 0 = nobody. */
        int64_t member;
        enum store_share_state state; /* BEAT */
        /* FENCE: this one is out if it has beaten no further than this. */
        int64_t other;
        int64_t beat;
        int want; /* CLAIM */
        /*
         * If it has still that epoch, CLAIM: the first `want` of them that nobody owns, or one who
         * is out, and that nobody has locked. RELEASE: each of them that the member owns.
         */
        int count;
        struct {
                int shard;
                int64_t epoch;
        } shards[STORE_SHARE_ROWS];
};

struct store_share_member {
        int64_t number;
        int64_t beat;
        enum store_share_state state;
        struct store_owner_name name;
};

struct store_share_row {
        int64_t owner; /* 0 = nobody */
        int64_t epoch;
};

struct store_share_answer {
        /*
         * The storage does not know the member that asked, or may mean another one by its number:
         * it was failed over. Nothing was done.
         */
        bool is_unknown;
        /* JOIN: the member. BEAT, FENCE: 1, or 0 if it is out, or has beaten. */
        int64_t number;
        /* LOOK: all members that are not out. */
        int member_count;
        struct store_share_member members[STORE_SHARE_MEMBERS];
        /*
         * LOOK: each, as of a moment before that of the members. CLAIM: those that were gained, the
         * others have the owner 0.
         */
        struct store_share_row rows[STORE_SHARE_ROWS];
};

/* What keeps the storage from being tidied. */
struct store_share_health {
        int64_t dead_rows;  /* that are still there */
        int64_t snapshot_s; /* how long the oldest view of the past has been seen to be held */
        int64_t process;    /* by this one, in the server's own numbers; 0 = there is none */
        int64_t writer_s;   /* how long the oldest transaction that writes has been seen */
        int64_t writer;     /* whose it is; 0 = there is none */
};

struct store_share_backend {
        /* Without a connection as yet. `options` are there until `close`. */
        void *(*open)(const struct store_options *options);
        void (*close)(void *share);
        /*
         * Does one statement, durably and by itself, on a connection that is made if it is missing.
         * After a failure the statement may have been done or not, or be done later.
         */
        int (*run)(void *share, const struct store_share_statement *statement,
                   struct store_share_answer *answer, struct reason *reason);
        /*
         * Others say through the storage that something has changed: what to poll for reading (-1
         * while there is none); and whether they did since the last call, which uses the hints
         * up. Only a hint.
         */
        int (*descriptor)(void *share);
        bool (*take_hints)(void *share);

        /*
         * Asked now and then by the member that has the task STORE_SHARE_UPKEEP, and by those whose
         * feed is slow.
         */
        int (*health)(void *share, struct store_share_health *health);

        /*
         * store_members_each and store_shards_each, on a handle that is used for nothing else;
         * each until `visit` is false.
         */
        int (*members)(void *share, bool (*visit)(void *context, const struct store_member *member),
                       void *context);
        int (*shards)(void *share, bool (*visit)(void *context, const struct store_shard_row *row),
                      void *context);
};

#endif
