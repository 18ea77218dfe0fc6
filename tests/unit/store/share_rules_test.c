// SPDX-License-Identifier: MIT
/*
 * The rules of sharing, in simulated worlds: processes with clocks that run at rates of 0.8 to 1.2,
 * requests and answers that are late or lost (a lost request may be done later, or never),
 * processes that freeze, die and come back, a server that is failed over to one that lacks the last
 * commits. Never two may act for a shard; when the faults end, all
 * is owned again and spread evenly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/share/share_rules.h"

#define SCHEDULES 1000
#define PROCESSES 4
#define MEMBERS   400
#define MS        CLOCK_NS_PER_MS
#define SECOND    CLOCK_NS_PER_S

#define LEASE_NS   (6 * SECOND)
#define TIMEOUT_NS (4 * SECOND)
#define CHAOS_NS   (45 * SECOND)
#define QUIET_NS   (45 * SECOND)

/* --- the world ------------------------------------------------------------------------------ */

/* What a mistake in the rules would be. */
enum mutant {
        MUTANT_NONE,
        MUTANT_DEADLINE_FROM_ANSWER,
        MUTANT_LEASE_NEVER_CHECKED,
        MUTANT_FREE_AT_FAILOVER,     /* whoever may still act by what the old server said */
        MUTANT_MEMBER_OF_OLD_SERVER, /* is taken for one that has its number on the new one */
        MUTANT_FENCE_WITHOUT_LOOK,   /* at the beat that the other one has meanwhile */
};

struct member {
        int64_t beat;
        enum store_share_state state;
        bool is_out;
};

/* What a server has. */
struct server {
        int timeline;
        int noted_timeline; /* in its tables */
        int member_count;
        struct member members[MEMBERS];
        struct store_share_row rows[STORE_SHARE_ROWS];
};

struct process {
        struct share_rules rules;
        int joined_timeline;
        double rate;
        int64_t offset_ns;
        int64_t frozen_until_ns;    /* of the world's time, here and below */
        int64_t free_at_ns;         /* when it lets go of what is ending */
        struct store_shards ending; /* what that is */

        bool is_waiting; /* for the answer to: */
        struct store_share_statement statement;
        int64_t wake_ns;   /* the next thing happens, unless it is frozen */
        int64_t arrive_ns; /* when the statement is done; INT64_MAX = never, or it was */
        bool is_answered;  /* by `answer`, at wake_ns */
        struct store_share_answer answer;
};

/* A request whose process does not wait for it any more. */
struct late {
        int64_t arrive_ns;
        struct store_share_statement statement;
};

struct world {
        uint64_t random;
        int64_t now_ns;
        enum mutant mutant;
        bool is_quiet;
        struct server server;
        struct server standby; /* lags behind */
        struct process processes[PROCESSES];
        int late_count;
        struct late lates[64];
        int violations;
};

static uint64_t draw(struct world *world, uint64_t end)
{
        world->random ^= world->random << 13;
        world->random ^= world->random >> 7;
        world->random ^= world->random << 17;
        return world->random % end;
}

static bool happens(struct world *world, int percent)
{
        return !world->is_quiet && draw(world, 100) < (uint64_t)percent;
}

static int64_t clock_of(const struct world *world, const struct process *process)
{
        return process->offset_ns + (int64_t)((double)world->now_ns * process->rate);
}

/* The world's time at which the process' clock shows this. */
static int64_t time_of(const struct process *process, int64_t clock_ns)
{
        if (clock_ns == INT64_MAX)
                return INT64_MAX;
        return (int64_t)((double)(clock_ns - process->offset_ns) / process->rate) + 1;
}

/* --- the storage ---------------------------------------------------------------------------- */

static struct member *member_of(struct world *world, int64_t number)
{
        return &world->server.members[number - 1];
}

static bool is_free(struct world *world, const struct store_share_row *row)
{
        return row->owner == 0 || member_of(world, row->owner)->is_out;
}

static void do_claim(struct world *world, const struct store_share_statement *statement,
                     struct store_share_answer *answer)
{
        int want = statement->want;

        for (int i = 0; i < statement->count && want > 0; i++) {
                int at = statement->shards[i].shard - STORE_SHARD_FIRST;
                struct store_share_row *row = &world->server.rows[at];

                if (row->epoch != statement->shards[i].epoch || !is_free(world, row) ||
                    happens(world, 2)) /* locked by another one */
                        continue;
                row->owner = statement->member;
                row->epoch++;
                answer->rows[at] = *row;
                want--;
        }
}

static void do_release(struct world *world, const struct store_share_statement *statement)
{
        for (int i = 0; i < statement->count; i++) {
                struct store_share_row *row =
                        &world->server.rows[statement->shards[i].shard - STORE_SHARD_FIRST];

                if (row->owner != statement->member || row->epoch != statement->shards[i].epoch)
                        continue;
                row->owner = 0;
                row->epoch++;
        }
}

static void do_look(struct world *world, struct store_share_answer *answer)
{
        for (int i = 0; i < world->server.member_count; i++) {
                if (world->server.members[i].is_out || answer->member_count == STORE_SHARE_MEMBERS)
                        continue;
                answer->members[answer->member_count++] =
                        (struct store_share_member){.number = i + 1,
                                                    .beat = world->server.members[i].beat,
                                                    .state = world->server.members[i].state};
        }
        memcpy(answer->rows, world->server.rows, sizeof(world->server.rows));
}

static void do_fence(struct world *world, const struct store_share_statement *statement,
                     struct store_share_answer *answer)
{
        struct member *other = member_of(world, statement->other);

        answer->number = !other->is_out && (other->beat == statement->beat ||
                                            world->mutant == MUTANT_FENCE_WITHOUT_LOOK);
        other->is_out = other->is_out || answer->number;
}

static void do_join(struct world *world, const struct store_share_statement *statement,
                    struct store_share_answer *answer)
{
        if (statement->member)
                member_of(world, statement->member)->is_out = true;
        assert_true(world->server.member_count < MEMBERS);
        world->server.members[world->server.member_count++] =
                (struct member){.state = STORE_SHARE_LIVE};
        answer->number = world->server.member_count;
}

static void do_beat(struct world *world, const struct store_share_statement *statement,
                    struct store_share_answer *answer)
{
        struct member *member = member_of(world, statement->member);

        answer->number = !member->is_out;
        member->beat += answer->number;
        member->state = statement->state;
}

static void do_statement(struct world *world, const struct store_share_statement *statement,
                         struct store_share_answer *answer)
{
        answer->number = answer->member_count = 0;
        memset(answer->rows, 0, sizeof(answer->rows));
        if (statement->action == STORE_SHARE_JOIN)
                do_join(world, statement, answer);
        else if (statement->action == STORE_SHARE_BEAT)
                do_beat(world, statement, answer);
        else if (statement->action == STORE_SHARE_LOOK)
                do_look(world, answer);
        else if (statement->action == STORE_SHARE_FENCE)
                do_fence(world, statement, answer);
        else if (statement->action == STORE_SHARE_CLAIM)
                do_claim(world, statement, answer);
        else if (statement->action == STORE_SHARE_RELEASE)
                do_release(world, statement);
        else if (statement->action == STORE_SHARE_GO)
                member_of(world, statement->member)->is_out = true;
}

/* The first one that connects to the new server keeps all from whom may still act. */
static void note_failover(struct world *world)
{
        struct server *server = &world->server;

        if (server->noted_timeline == server->timeline)
                return;
        server->noted_timeline = server->timeline;
        for (int i = 0; i < server->member_count; i++)
                server->members[i].is_out = true;
        assert_true(server->member_count < MEMBERS);
        server->members[server->member_count++] = (struct member){.state = STORE_SHARE_LIVE};
        for (int i = 0; i < STORE_SHARE_ROWS; i++) {
                server->rows[i].owner =
                        world->mutant == MUTANT_FREE_AT_FAILOVER ? 0 : server->member_count;
                server->rows[i].epoch += 1 << 20;
        }
}

/* A request arrives. */
static void serve(struct world *world, struct process *process)
{
        const struct store_share_statement *statement = &process->statement;
        struct store_share_answer *answer = &process->answer;

        process->arrive_ns = INT64_MAX;
        note_failover(world);
        answer->is_unknown = world->mutant != MUTANT_MEMBER_OF_OLD_SERVER &&
                             statement->action != STORE_SHARE_JOIN &&
                             process->joined_timeline != world->server.timeline;
        if (!answer->is_unknown)
                do_statement(world, statement, answer);
        if (statement->action == STORE_SHARE_JOIN)
                process->joined_timeline = world->server.timeline;
}

/* What was under way to the old server gets lost. */
static void fail_over(struct world *world)
{
        int timeline = world->server.timeline + 1;

        world->server = world->standby;
        world->server.timeline = timeline;
        world->late_count = 0;
        for (int i = 0; i < PROCESSES; i++) {
                if (world->processes[i].arrive_ns != INT64_MAX)
                        world->processes[i].is_answered = false;
                world->processes[i].arrive_ns = INT64_MAX;
        }
}

/* --- processes ------------------------------------------------------------------------------ */

static bool has_lease(const struct world *world, const struct process *process)
{
        return world->mutant == MUTANT_LEASE_NEVER_CHECKED ||
               clock_of(world, process) < process->rules.deadline_ns;
}

static bool uses(const struct process *process, int number)
{
        enum share_phase phase = process->rules.shards[number].phase;

        return phase == SHARE_MINE || phase == SHARE_ENDING;
}

static bool acts(const struct world *world, const struct process *process, int number)
{
        return uses(process, number) && has_lease(world, process);
}

static int count_two(const struct process *one, const struct process *other)
{
        int count = 0;

        for (int number = 0; number < STORE_SHARE_ROWS; number++)
                count += uses(one, number) && uses(other, number);
        return count;
}

/* Something has changed for this process: does another one act for one of its shards? */
static void look_for_two(struct world *world, const struct process *process)
{
        for (int i = 0; i < PROCESSES; i++) {
                const struct process *other = &world->processes[i];

                if (other != process && has_lease(world, process) && has_lease(world, other))
                        world->violations += count_two(process, other);
        }
}

/* Has the statement that was answered given it a shard, or more time? */
static bool may_act_more(const struct process *process)
{
        const struct share_news *news = &process->rules.news;

        return process->statement.action == STORE_SHARE_BEAT || news->task_gained[0] ||
               news->task_gained[1] || store_shards_count(&news->gained) > 0;
}

static void start(struct world *world, struct process *process)
{
        memset(process, 0, sizeof(*process));
        share_init(&process->rules, LEASE_NS, 32);
        process->rate = 0.8 + (double)draw(world, 401) / 1000;
        process->offset_ns = (int64_t)draw(world, 1000) * SECOND;
        process->wake_ns = world->now_ns;
        process->free_at_ns = INT64_MAX;
        process->arrive_ns = INT64_MAX;
}

static int64_t draw_delay(struct world *world)
{
        if (happens(world, 4))
                return (int64_t)draw(world, TIMEOUT_NS / MS) * MS;
        return MS + (int64_t)draw(world, 30) * MS;
}

/* A request that gets lost is done never, or by and by. */
static void lose_request(struct world *world, struct process *process)
{
        process->arrive_ns = INT64_MAX;
        if (!happens(world, 50) || world->late_count == 64)
                return;
        world->lates[world->late_count++] =
                (struct late){world->now_ns + (int64_t)draw(world, 20000) * MS, process->statement};
}

static void send(struct world *world, struct process *process)
{
        int64_t there_ns = draw_delay(world);
        int64_t back_ns = draw_delay(world);

        process->is_waiting = true;
        process->is_answered = !happens(world, 3);
        process->arrive_ns = world->now_ns + there_ns;
        process->wake_ns = process->arrive_ns + back_ns;
        if (there_ns + back_ns >= TIMEOUT_NS || happens(world, 3)) {
                process->is_answered = false;
                lose_request(world, process);
        }
        if (!process->is_answered)
                process->wake_ns = world->now_ns + TIMEOUT_NS;
}

static void hear(struct world *world, struct process *process)
{
        struct share_news news = share_take_news(&process->rules);

        if (store_shards_count(&news.ending) == 0)
                return;
        store_shards_add_all(&process->ending, &news.ending);
        process->free_at_ns = world->now_ns + (int64_t)draw(world, 2000) * MS;
}

static void go_on(struct world *world, struct process *process)
{
        int64_t clock_ns = clock_of(world, process);
        int64_t wake_ns;

        if (process->is_waiting) {
                if (world->mutant == MUTANT_DEADLINE_FROM_ANSWER)
                        process->statement.sent_ns = clock_ns;
                process->is_waiting = false;
                share_answered(&process->rules, clock_ns, &process->statement,
                               process->is_answered ? &process->answer : NULL);
                if (may_act_more(process))
                        look_for_two(world, process);
        }
        if (world->now_ns >= process->free_at_ns) {
                share_released(&process->rules, &process->ending);
                process->ending = store_shards_none();
                process->free_at_ns = INT64_MAX;
        }
        share_next(&process->rules, clock_ns, &process->statement, &wake_ns);
        hear(world, process);
        if (process->statement.action != STORE_SHARE_WAIT)
                send(world, process);
        else
                process->wake_ns = time_of(process, wake_ns);
        if (happens(world, 1))
                process->frozen_until_ns = world->now_ns + (int64_t)draw(world, 20000) * MS;
        if (happens(world, 1))
                share_hint(&process->rules);
        if (happens(world, 1))
                process->rules.is_able = !process->rules.is_able;
}

/* --- schedules ------------------------------------------------------------------------------ */

static int64_t next_of(const struct process *process)
{
        int64_t next_ns = process->wake_ns;

        if (!process->is_waiting && process->free_at_ns < next_ns)
                next_ns = process->free_at_ns;
        return next_ns > process->frozen_until_ns ? next_ns : process->frozen_until_ns;
}

/* What happens next: a request arrives, or a process goes on. False at `end_ns`. */
static bool step(struct world *world, int64_t end_ns)
{
        struct process *next = NULL;
        struct late *late = NULL;
        bool arrives = false;
        int64_t at_ns = end_ns;

        for (int i = 0; i < PROCESSES; i++) {
                struct process *process = &world->processes[i];
                int64_t own_ns = next_of(process);

                if (process->arrive_ns < own_ns)
                        own_ns = process->arrive_ns;
                if (own_ns >= at_ns)
                        continue;
                at_ns = own_ns;
                next = process;
                arrives = own_ns == process->arrive_ns;
        }
        for (int i = 0; i < world->late_count; i++) {
                if (world->lates[i].arrive_ns >= at_ns)
                        continue;
                at_ns = world->lates[i].arrive_ns;
                late = &world->lates[i];
        }
        if (at_ns > world->now_ns)
                world->now_ns = at_ns;
        if (happens(world, 2))
                world->standby = world->server;
        if (late) {
                struct store_share_answer nobody;

                do_statement(world, &late->statement, &nobody);
                *late = world->lates[--world->late_count];
        } else if (next && arrives) {
                serve(world, next);
        } else if (next) {
                go_on(world, next);
        }
        return late || next;
}

static void begin(struct world *world, int schedule, enum mutant mutant)
{
        memset(world, 0, sizeof(*world));
        world->random = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(schedule + 1);
        world->mutant = mutant;
        for (int i = 0; i < PROCESSES; i++)
                start(world, &world->processes[i]);
}

static void run(struct world *world)
{
        int64_t death_ns = 0;

        while (step(world, CHAOS_NS)) {
                if (world->now_ns < death_ns)
                        continue;
                death_ns = world->now_ns + (int64_t)draw(world, 20) * SECOND;
                if (happens(world, 30))
                        fail_over(world);
                else
                        start(world, &world->processes[draw(world, PROCESSES)]);
        }
        world->is_quiet = true;
        for (int i = 0; i < PROCESSES; i++) {
                world->processes[i].frozen_until_ns = 0;
                world->processes[i].rules.is_able = true;
        }
        while (step(world, CHAOS_NS + QUIET_NS))
                ;
}

static int count_acting(const struct world *world, const struct process *process)
{
        int count = 0;

        for (int number = STORE_SHARE_TASKS; number < STORE_SHARE_ROWS; number++)
                count += acts(world, process, number);
        return count;
}

static void expect_all_owned(const struct world *world, int schedule)
{
        for (int number = 0; number < STORE_SHARE_ROWS; number++) {
                int owners = 0;

                for (int i = 0; i < PROCESSES; i++)
                        owners += acts(world, &world->processes[i], number);
                if (owners != 1)
                        fail_msg("schedule %d: %d act for %d at its end", schedule, owners,
                                 number + STORE_SHARD_FIRST);
        }
        for (int i = 0; i < PROCESSES; i++) {
                int count = count_acting(world, &world->processes[i]);

                if (count != STORE_SHARDS / PROCESSES)
                        fail_msg("schedule %d: process %d has %d shards", schedule, i, count);
        }
}

static struct world the_world;

static void never_two_may_act_and_all_is_owned_again(void **state)
{
        (void)state;
        for (int schedule = 0; schedule < SCHEDULES; schedule++) {
                begin(&the_world, schedule, MUTANT_NONE);
                run(&the_world);
                if (the_world.violations > 0)
                        fail_msg("schedule %d: two may act", schedule);
                expect_all_owned(&the_world, schedule);
        }
}

/* How many schedules it takes until the test above would fail. */
static int schedules_until_caught(enum mutant mutant)
{
        for (int schedule = 0; schedule < SCHEDULES; schedule++) {
                begin(&the_world, schedule, mutant);
                run(&the_world);
                if (the_world.violations > 0)
                        return schedule + 1;
        }
        return 0;
}

static void a_deadline_from_the_answer_is_caught(void **state)
{
        (void)state;
        assert_int_not_equal(schedules_until_caught(MUTANT_DEADLINE_FROM_ANSWER), 0);
}

static void a_lease_that_nobody_checks_is_caught(void **state)
{
        (void)state;
        assert_int_not_equal(schedules_until_caught(MUTANT_LEASE_NEVER_CHECKED), 0);
}

static void freeing_all_at_a_failover_is_caught(void **state)
{
        (void)state;
        assert_int_not_equal(schedules_until_caught(MUTANT_FREE_AT_FAILOVER), 0);
}

static void going_on_as_a_member_after_a_failover_is_caught(void **state)
{
        (void)state;
        assert_int_not_equal(schedules_until_caught(MUTANT_MEMBER_OF_OLD_SERVER), 0);
}

static void putting_out_who_has_beaten_is_caught(void **state)
{
        (void)state;
        assert_int_not_equal(schedules_until_caught(MUTANT_FENCE_WITHOUT_LOOK), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(never_two_may_act_and_all_is_owned_again),
                cmocka_unit_test(a_deadline_from_the_answer_is_caught),
                cmocka_unit_test(a_lease_that_nobody_checks_is_caught),
                cmocka_unit_test(freeing_all_at_a_failover_is_caught),
                cmocka_unit_test(going_on_as_a_member_after_a_failover_is_caught),
                cmocka_unit_test(putting_out_who_has_beaten_is_caught),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
