// SPDX-License-Identifier: MIT
#include "store/store_wait.h"

#include "base/clock.h"
#include "base/thread.h"
#include "store/store_spill.h"

/* What nobody waits for waits so long for company. */
#define LAZY_NS (100 * CLOCK_NS_PER_MS)

/* plan_gathering says what for. */
#define GATHER_NS (2 * CLOCK_NS_PER_MS)
#define CROWD     3
#define FULL      32

bool store_work_has_settling(const struct store_work *work)
{
        return !list_is_empty(&work->tasks) || work->done.count > 0;
}

static bool inbox_is_urgent(const struct store_work *inbox)
{
        return !list_is_empty(&inbox->puts) || !list_is_empty(&inbox->writes) ||
               !list_is_empty(&inbox->late) || !list_is_empty(&inbox->late_writes);
}

static int64_t sooner(int64_t deadline, int64_t other)
{
        return deadline == 0 || other < deadline ? other : deadline;
}

/* When the thread must go on even if nothing urgent comes; 0 = never. */
static int64_t next_deadline(const struct store *store)
{
        int64_t deadline = 0;

        if (store->lazy_since_ns)
                deadline = store->lazy_since_ns + LAZY_NS;
        if (store_work_has_settling(&store->work))
                deadline = sooner(deadline, store->settle_again_ns);
        if (store->care_at_ns)
                deadline = sooner(deadline, store->care_at_ns);
        if (store->trouble != STORE_TROUBLE_NONE)
                deadline = sooner(deadline, store->room_again_ns);
        if (store->pause_ns && store->awaited > 0)
                deadline = sooner(deadline, store->began_ns + store->pause_ns);
        else if (store->gather > 1)
                deadline = sooner(deadline, store->gather_until_ns);
        if (store->trim_at_ns)
                deadline = sooner(deadline, store->trim_at_ns);
        if (store_spill_due_ns(store))
                deadline = sooner(deadline, store_spill_due_ns(store));
        return deadline;
}

static void wait_until(struct store *store, int64_t deadline_ns)
{
        store->writer_waits = true;
        if (deadline_ns)
                (void)condition_wait_until(&store->writer_wakes, &store->mutex, deadline_ns);
        else
                pthread_cond_wait(&store->writer_wakes, &store->mutex);
        store->writer_waits = false;
}

static void move_inbox(struct store *store)
{
        struct store_work *inbox = &store->inbox;
        struct store_work *work = &store->work;

        list_splice_back(&work->puts, &inbox->puts);
        list_splice_back(&work->late, &inbox->late);
        list_splice_back(&work->writes, &inbox->writes);
        list_splice_back(&work->late_writes, &inbox->late_writes);
        list_splice_back(&work->tasks, &inbox->tasks);
        store_ids_add(&work->done, inbox->done.ids, inbox->done.count);
        store_ids_add(&store->committing, store->leaving.ids, store->leaving.count);
        inbox->done.count = 0;
        store->leaving.count = 0;
        store->lazy_since_ns = 0;
        store->awaited = 0;
}

/*
 * With one put in a commit, each costs a whole one; so where many come, a commit waits for more of
 * them. If CROWD of them wait when a commit begins, the next one begins when FULL wait, or
 * GATHER_NS after this one began, whatever is first. Otherwise it begins with the next put: one
 * that comes alone never waits.
 *
 * For example, 64 senders begin at once, and a commit takes 0.8 ms. The first commit has the first
 * put alone. 63 wait when it ends: more than FULL, so they are the second. 20 wait when that ends,
 * 0.8 ms after it began: the third one waits for 12 more, but no longer than 1.2 ms.
 */
static void plan_gathering(struct store *store)
{
        bool crowded = store->awaited >= CROWD;

        store->began_ns = clock_steady_ns();
        store->gather = crowded ? FULL : 1;
        store->gather_until_ns = crowded ? store->began_ns + GATHER_NS : 0;
}

/*
 * True if as many puts wait as the commit is to have, or fewer that have waited for long enough. If
 * none has come in that time, the next one is not to wait.
 */
static bool judge_gathering(struct store *store)
{
        if (store->awaited >= store->gather)
                return true;
        if (store->gather <= 1 || store->gather_until_ns > clock_steady_ns())
                return false;
        if (store->awaited == 0)
                store->gather = 1;
        return store->awaited > 0;
}

/* With the mutex held: true if it is time to write. */
static bool judge_time(struct store *store)
{
        int64_t deadline;

        if (store->closing || (!store->pause_ns && judge_gathering(store)))
                return true;
        deadline = next_deadline(store);
        return deadline && deadline <= clock_steady_ns();
}

bool store_wait_for_work(struct store *store)
{
        bool go_on;

        pthread_mutex_lock(&store->mutex);
        while (!judge_time(store))
                wait_until(store, next_deadline(store));
        plan_gathering(store);
        move_inbox(store);
        store->work_is_last = store->closing;
        go_on = !store->closing || inbox_is_urgent(&store->work) ||
                store_work_has_settling(&store->work);
        pthread_mutex_unlock(&store->mutex);
        return go_on;
}
