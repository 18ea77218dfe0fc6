// SPDX-License-Identifier: MIT
/*
 * The rules by which members of a store share its shards, as a pure state machine: what it is told
 * and what it answers are statements and their outcomes; the time is a parameter.
 *
 * With L for the lease, by each process' own clock and none other:
 *   - a member beats every L/6 and may act for 5/6 L from the moment at which it *sent* the last
 *     beat that was confirmed;
 *   - it looks at all every L/12; another one whose beat it has seen unchanged for 5/4 L is fenced:
 *     put out for ever, unless it has beaten meanwhile. So clocks' rates may differ by half;
 *   - who was put out, or whose time to act is over, gives up everything;
 *   - each of n members that are able takes ceil(256/n) of the shards at most, from its third beat
 *     on, and gives back what is more than that at a slow pace. Tasks go to whoever has the fewest;
 *   - nothing is decided about a shard while a statement about it may still be done: a release
 *     names the epoch that it ends.
 *
 * One thread at a time.
 */
#ifndef ISTHMUS_STORE_SHARE_SHARE_RULES_H
#define ISTHMUS_STORE_SHARE_SHARE_RULES_H

#include "store/store_share_backend.h"

struct share_other {
        int64_t number;
        int64_t beat;
        int64_t since_ns; /* when this beat was seen first */
        enum store_share_state state;
};

enum share_phase {
        SHARE_NOT_MINE,
        SHARE_MINE,
        SHARE_ENDING,   /* its user was asked to let it go, and may still act */
        SHARE_RELEASED, /* it has, and others are to be told */
};

struct share_shard {
        enum share_phase phase;
        int64_t epoch;              /* with which it is this member's */
        struct store_share_row row; /* as the last look saw it */
};

/* What has changed since it was last taken. A shard may be lost and then be gained. */
struct share_news {
        struct store_shards gained;
        struct store_shards ending;
        struct store_shards lost;
        bool task_gained[STORE_SHARE_TASKS]; /* of the task -1 - i */
        bool task_lost[STORE_SHARE_TASKS];
        int claimed;    /* shards of nobody */
        int taken_over; /* shards of one who is out */
        int released;
        int64_t joined;   /* the new member, or 0 */
        bool is_fenced;   /* it was put out */
        bool has_expired; /* its time to act went by while it had something */
        int64_t fenced;   /* another one was put out, or 0 */
};

struct share_rules {
        int64_t lease_ns;
        int64_t releases_per_s; /* when others are to have some */

        int64_t me; /* 0 = not a member */
        int64_t before;
        int beats;           /* since it joined */
        int64_t deadline_ns; /* it may act before this */
        int64_t beat_at_ns;
        int64_t look_at_ns;
        int64_t retry_at_ns; /* nothing is asked before: the last one failed */
        int64_t pace_ns;     /* releases are allowed since then */
        bool is_able;
        bool leaves;
        bool closes;
        bool is_done;    /* it has left, after share_close */
        bool has_looked; /* and has not yet used up what it saw */

        int other_count;
        struct share_other others[STORE_SHARE_MEMBERS];
        struct share_shard shards[STORE_SHARE_ROWS];
        struct share_news news;
};

void share_init(struct share_rules *rules, int64_t lease_ns, int64_t releases_per_s);

/* What to do now; with SHARE_WAIT, until when nothing is to be done. `statement->sent_ns` is now.
 */
void share_next(struct share_rules *rules, int64_t now_ns, struct store_share_statement *statement,
                int64_t *wake_ns);

/* A statement that share_next gave was answered, or, with NULL, was not. */
void share_answered(struct share_rules *rules, int64_t now_ns,
                    const struct store_share_statement *statement,
                    const struct store_share_answer *answer);

/* Gives up everything if the time to act is over; share_next does it, too. */
void share_expire(struct share_rules *rules, int64_t now_ns);

/* What was told of as ending may go to others. */
void share_released(struct share_rules *rules, const struct store_shards *shards);

/* Has it a way to the hubs? */
void share_set_able(struct share_rules *rules, bool able);

/* Look as soon as possible. */
void share_hint(struct share_rules *rules);

/* All shards are ending, and nothing is gained any more. */
void share_leave(struct share_rules *rules);

/* All are released whoever still uses them; is_done will come, or a failure that makes it so. */
void share_close(struct share_rules *rules);

/* Is it, or was it until now, this process's? */
bool share_is_used(const struct share_shard *shard);

/* Of a shard or a task, as the rules see it. */
const struct share_shard *share_shard_of(const struct share_rules *rules, int shard);

/* So many members share the shards, this one among them. */
int share_live(const struct share_rules *rules, int64_t now_ns);

/* Moves the news out. */
struct share_news share_take_news(struct share_rules *rules);

#endif
