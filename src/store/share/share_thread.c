// SPDX-License-Identifier: MIT
/*
 * The thread `store-share`: asks the rules what to do, does it, and tells what follows from it.
 *
 * Laws of this file:
 *   - what is lost is published before a deadline that may be later, and what is gained after it;
 *   - the ear is told after that, and never with the mutex held.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "store/share/share_inside.h"

void share_wake(struct store_share *share)
{
        (void)!eventfd_write(share->waker, 1);
}

/* --- telling ------------------------------------------------------------------------------- */

/* Called with the mutex held. */
static bool may_use(const struct store_share *share, int number)
{
        const struct share_shard *shard = share_shard_of(&share->rules, number);

        return shard->phase == SHARE_MINE ||
               (shard->phase == SHARE_ENDING && !store_shards_has(&share->let_go, number));
}

/* Called with the mutex held. */
static void publish_row(struct store_share *share, int number, bool gains)
{
        const struct share_shard *shard = share_shard_of(&share->rules, number);
        int at = number - STORE_SHARD_FIRST;

        if (may_use(share, number) != gains)
                return;
        atomic_store(&share->epochs[at], share_is_used(shard) ? shard->epoch : 0);
        atomic_store(&share->acts[at], gains);
}

static void publish(struct store_share *share, const struct share_news *news)
{
        pthread_mutex_lock(&share->mutex);
        store_shards_add_all(&share->ending, &news->ending);
        for (int number = 0; number < STORE_SHARDS; number++) {
                if (share_shard_of(&share->rules, number)->phase == SHARE_ENDING)
                        continue;
                store_shards_remove(&share->ending, number);
                store_shards_remove(&share->let_go, number);
        }
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++)
                publish_row(share, number, false);
        atomic_store(&share->deadline_ns, share->rules.deadline_ns);
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++)
                publish_row(share, number, true);
        pthread_mutex_unlock(&share->mutex);
}

static int count_owned(const struct share_rules *rules)
{
        int count = 0;

        for (int number = 0; number < STORE_SHARDS; number++)
                count += share_is_used(share_shard_of(rules, number));
        return count;
}

static void log_news(const struct store_share *share, const struct share_news *news)
{
        const struct share_rules *rules = &share->rules;

        if (news->is_fenced || news->has_expired) {
                metrics_add(METRIC_LEASE_LOSSES, 1);
                log_warn("LEASE_LOST",
                         "This gateway was not heard of in the store for too long; others may have "
                         "its devices now",
                         LOG_INT("shards", store_shards_count(&news->lost)),
                         LOG_TEXT("why", news->is_fenced ? "put out by another member"
                                                         : "the store does not answer"),
                         LOG_END);
        }
        if (news->joined)
                log_info("MEMBER_JOINED", "This gateway is a member of those that share the store",
                         LOG_INT("member", news->joined), LOG_TEXT("name", share->name), LOG_END);
        if (news->fenced)
                log_warn("MEMBER_FENCED", "A member that is not heard of was put out",
                         LOG_INT("member", news->fenced), LOG_END);
        if (news->claimed + news->taken_over > 0)
                log_info("SHARDS_TAKEN", "This gateway owns more shards of devices, or tasks",
                         LOG_INT("free", news->claimed), LOG_INT("of_dead", news->taken_over),
                         LOG_INT("owned", count_owned(rules)), LOG_END);
        if (news->released > 0)
                log_info("SHARDS_RELEASED", "This gateway has given shards or tasks back",
                         LOG_INT("count", news->released), LOG_INT("owned", count_owned(rules)),
                         LOG_END);
}

static void count_news(const struct store_share *share, const struct share_news *news)
{
        int64_t left_ns = share->rules.deadline_ns - clock_boot_ns();

        metrics_add(METRIC_SHARDS_CLAIMED, news->claimed);
        metrics_add(METRIC_SHARDS_TAKEN, news->taken_over);
        metrics_add(METRIC_SHARDS_RELEASED, news->released);
        metrics_set(METRIC_SHARDS_OWNED, count_owned(&share->rules));
        metrics_set_label(METRIC_MEMBER, share->name, share->rules.me != 0 && left_ns > 0);
        metrics_set(METRIC_LEASE_REMAINING, left_ns > 0 ? left_ns / CLOCK_NS_PER_S : 0);
}

static void tell_of_tasks(const struct store_share *share, const bool *tasks, bool held)
{
        const struct store_share_ear *ear = &share->store->options.share;

        for (int i = 0; ear->task && i < STORE_SHARE_TASKS; i++) {
                if (tasks[i])
                        ear->task(ear->context, -1 - i, held);
        }
}

static void tell_of_shards(const struct store_share *share,
                           void (*tell)(void *context, const struct store_shards *shards),
                           const struct store_shards *shards)
{
        if (tell && store_shards_count(shards) > 0)
                tell(share->store->options.share.context, shards);
}

static void tell_of_members(struct store_share *share)
{
        const struct store_share_ear *ear = &share->store->options.share;
        int members = share_live(&share->rules, clock_boot_ns());

        if (members == share->members)
                return;
        share->members = members;
        metrics_set(METRIC_MEMBERS, members);
        if (ear->members)
                ear->members(ear->context, members);
}

/* What follows from what the rules were told. */
static void tell(struct store_share *share)
{
        const struct store_share_ear *ear = &share->store->options.share;
        struct share_news news = share_take_news(&share->rules);

        publish(share, &news);
        count_news(share, &news);
        log_news(share, &news);
        tell_of_tasks(share, news.task_lost, false);
        tell_of_shards(share, ear->lost, &news.lost);
        tell_of_tasks(share, news.task_gained, true);
        tell_of_shards(share, ear->gained, &news.gained);
        tell_of_shards(share, ear->release, &news.ending);
}

/* --- questions ------------------------------------------------------------------------------ */

static void answer_questions(struct store_share *share, struct list *questions, bool may_be_ours)
{
        struct list_node *node;

        while ((node = list_pop_front(questions))) {
                struct share_question *question = list_entry(node, struct share_question, node);

                question->answered(question->context, question->shard,
                                   may_be_ours && store_may_act(share->store, question->shard));
                free(question);
        }
}

/* --- a look --------------------------------------------------------------------------------- */

static const struct store_owner_name *find_name(const struct store_share_answer *answer,
                                                int64_t member)
{
        static const struct store_owner_name nobody;

        for (int i = 0; i < answer->member_count; i++) {
                if (answer->members[i].number == member)
                        return &answer->members[i].name;
        }
        return &nobody;
}

static void note_owners(struct store_share *share)
{
        const struct store_share_answer *answer = &share->answer;
        int unowned = 0;

        pthread_mutex_lock(&share->mutex);
        for (int i = 0; i < STORE_SHARE_ROWS; i++) {
                share->owners[i] = *find_name(answer, answer->rows[i].owner);
                unowned += i >= STORE_SHARE_TASKS && !share->owners[i].name[0];
        }
        pthread_mutex_unlock(&share->mutex);
        metrics_set(METRIC_SHARDS_UNOWNED, unowned);
}

/* --- the thread ----------------------------------------------------------------------------- */

/* Tells the rules what callers have asked for. */
static void note_wishes(struct store_share *share)
{
        struct share_rules *rules = &share->rules;
        bool leaves;
        bool closes;

        pthread_mutex_lock(&share->mutex);
        share_released(rules, &share->released);
        share->released = store_shards_none();
        if (!list_is_empty(&share->questions))
                share_hint(rules);
        list_splice_back(&share->open_questions, &share->questions);
        leaves = share->leaves;
        closes = share->closes;
        share_set_able(rules, share->is_able);
        pthread_mutex_unlock(&share->mutex);
        if (leaves && !rules->leaves)
                share_leave(rules);
        if (closes && !rules->closes)
                share_close(rules);
}

static void wait_until(struct store_share *share, int64_t wake_ns)
{
        int64_t left_ns = wake_ns - clock_boot_ns();
        struct pollfd fds[] = {
                {.fd = share->waker, .events = POLLIN},
                {.fd = share->backend->descriptor(share->handle), .events = POLLIN},
        };
        eventfd_t count;

        if (left_ns > CLOCK_NS_PER_S)
                left_ns = CLOCK_NS_PER_S;
        if (left_ns > 0)
                (void)poll(fds, ARRAY_SIZE(fds), (int)(left_ns / CLOCK_NS_PER_MS) + 1);
        if (fds[0].revents & POLLIN)
                (void)!eventfd_read(share->waker, &count);
        if (fds[1].revents && share->backend->take_hints(share->handle))
                share_hint(&share->rules);
}

static void note_failure(struct store_share *share, int failure, const struct reason *reason)
{
        bool is_away = failure != 0;

        if (is_away && !share->is_away)
                log_info("SHARE_NOT_ANSWERED",
                         "The store does not answer what this gateway asks of its members",
                         LOG_TEXT("reason", reason->text), LOG_END);
        share->is_away = is_away;
}

static void run_statement(struct store_share *share, const struct store_share_statement *statement)
{
        struct reason reason = REASON_INIT;
        int failure = share->backend->run(share->handle, statement, &share->answer, &reason);

        note_failure(share, failure, &reason);
        share_answered(&share->rules, clock_boot_ns(), statement, failure ? NULL : &share->answer);
        tell(share);
        if (failure || statement->action != STORE_SHARE_LOOK)
                return;
        note_owners(share);
        tell_of_members(share);
        answer_questions(share, &share->open_questions, true);
        share_look_at_health(share);
}

/* True until this process has left. */
static bool go_on(struct store_share *share)
{
        struct store_share_statement statement;
        int64_t now_ns;
        int64_t wake_ns;

        note_wishes(share);
        now_ns = clock_boot_ns();
        share_next(&share->rules, now_ns, &statement, &wake_ns);
        tell(share);
        if (now_ns >= share->rules.deadline_ns)
                answer_questions(share, &share->open_questions, false);
        if (share->rules.is_done)
                return false;
        if (statement.action == STORE_SHARE_WAIT)
                wait_until(share, wake_ns);
        else
                run_statement(share, &statement);
        return !share->rules.is_done;
}

void *share_run(void *context)
{
        struct store_share *share = context;

        thread_enter(STORE_THREAD_SHARE);
        while (go_on(share))
                ;
        tell(share);
        pthread_mutex_lock(&share->mutex);
        list_splice_back(&share->open_questions, &share->questions);
        pthread_mutex_unlock(&share->mutex);
        answer_questions(share, &share->open_questions, false);
        return NULL;
}
