// SPDX-License-Identifier: MIT
#include "store/share/share_rules.h"

#include <string.h>

#include "base/clock.h"

/* Before the first of these the member takes nothing, so that those that start with it are seen. */
#define BEATS_FIRST 3

#define RETRY_NS (250 * CLOCK_NS_PER_MS)

/* Somebody unknown has it; until the next look. */
#define OWNER_UNKNOWN (-1)

/* --- times ---------------------------------------------------------------------------------- */

static int64_t acts_ns(const struct share_rules *rules)
{
        return rules->lease_ns / 6 * 5;
}

static int64_t patience_ns(const struct share_rules *rules)
{
        return rules->lease_ns / 4 * 5;
}

static int64_t look_ns(const struct share_rules *rules)
{
        return rules->lease_ns / 12;
}

/* The first beats follow each other faster. */
static int64_t beat_ns(const struct share_rules *rules)
{
        return rules->beats < BEATS_FIRST ? look_ns(rules) : rules->lease_ns / 6;
}

static bool may_act(const struct share_rules *rules, int64_t now_ns)
{
        return rules->me != 0 && now_ns < rules->deadline_ns;
}

/* --- shards --------------------------------------------------------------------------------- */

static struct share_shard *shard_at(struct share_rules *rules, int shard)
{
        return &rules->shards[shard - STORE_SHARD_FIRST];
}

const struct share_shard *share_shard_of(const struct share_rules *rules, int shard)
{
        return &rules->shards[shard - STORE_SHARD_FIRST];
}

bool share_is_used(const struct share_shard *shard)
{
        return shard->phase == SHARE_MINE || shard->phase == SHARE_ENDING;
}

static void lose(struct share_rules *rules, int number)
{
        struct share_shard *shard = shard_at(rules, number);

        if (share_is_used(shard) && number < 0)
                rules->news.task_lost[-1 - number] = true;
        else if (share_is_used(shard))
                store_shards_add(&rules->news.lost, number);
        shard->phase = SHARE_NOT_MINE;
}

static void gain(struct share_rules *rules, int number, int64_t epoch)
{
        struct share_shard *shard = shard_at(rules, number);

        shard->phase = SHARE_MINE;
        shard->epoch = epoch;
        if (number < 0)
                rules->news.task_gained[-1 - number] = true;
        else
                store_shards_add(&rules->news.gained, number);
}

/* A shard's user is asked first; a task just ends. */
static void end(struct share_rules *rules, int number)
{
        struct share_shard *shard = shard_at(rules, number);

        if (shard->phase != SHARE_MINE)
                return;
        if (number < 0) {
                rules->news.task_lost[-1 - number] = true;
                shard->phase = SHARE_RELEASED;
                return;
        }
        store_shards_add(&rules->news.ending, number);
        shard->phase = SHARE_ENDING;
}

static void end_all(struct share_rules *rules)
{
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++)
                end(rules, number);
}

void share_expire(struct share_rules *rules, int64_t now_ns)
{
        if (may_act(rules, now_ns))
                return;
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++) {
                if (!share_is_used(shard_at(rules, number)))
                        continue;
                lose(rules, number);
                rules->news.has_expired = true;
        }
}

static int count_phase(const struct share_rules *rules, enum share_phase phase)
{
        int count = 0;

        for (int number = 0; number < STORE_SHARDS; number++)
                count += share_shard_of(rules, number)->phase == phase;
        return count;
}

static bool has_released(const struct share_rules *rules)
{
        for (int i = 0; i < STORE_SHARE_ROWS; i++) {
                if (rules->shards[i].phase == SHARE_RELEASED)
                        return true;
        }
        return false;
}

/* --- members -------------------------------------------------------------------------------- */

static struct share_other *find_other(struct share_rules *rules, int64_t number)
{
        for (int i = 0; i < rules->other_count; i++) {
                if (rules->others[i].number == number)
                        return &rules->others[i];
        }
        return NULL;
}

/* Has it beaten lately, and often enough to take its part? */
static bool takes_part(const struct share_rules *rules, const struct share_other *other,
                       int64_t now_ns, int beats)
{
        return other->beat >= beats && other->state != STORE_SHARE_LEAVING &&
               now_ns - other->since_ns <= rules->lease_ns;
}

static int count_others(const struct share_rules *rules, int64_t now_ns,
                        enum store_share_state state, int beats)
{
        int count = 0;

        for (int i = 0; i < rules->other_count; i++)
                count += rules->others[i].state == state &&
                         takes_part(rules, &rules->others[i], now_ns, beats);
        return count;
}

/* Those that are able take part; if nobody is, all do. */
static enum store_share_state state_of_group(const struct share_rules *rules, int64_t now_ns)
{
        if (rules->is_able || count_others(rules, now_ns, STORE_SHARE_LIVE, BEATS_FIRST) > 0)
                return STORE_SHARE_LIVE;
        return STORE_SHARE_UNABLE;
}

static bool is_in_group(const struct share_rules *rules, int64_t now_ns)
{
        return rules->is_able || state_of_group(rules, now_ns) == STORE_SHARE_UNABLE;
}

/* How many shards this member may have, beside others that have beaten so often. */
static int target(const struct share_rules *rules, int64_t now_ns, int beats)
{
        int count = 1 + count_others(rules, now_ns, state_of_group(rules, now_ns), beats);

        if (rules->leaves || !is_in_group(rules, now_ns))
                return 0;
        return (STORE_SHARDS + count - 1) / count;
}

int share_live(const struct share_rules *rules, int64_t now_ns)
{
        int count = count_others(rules, now_ns, state_of_group(rules, now_ns), 1);

        return is_in_group(rules, now_ns) || count == 0 ? count + 1 : count;
}

static bool is_free(struct share_rules *rules, int number)
{
        int64_t owner = shard_at(rules, number)->row.owner;

        return owner == 0 || (owner > 0 && owner != rules->me && !find_other(rules, owner));
}

static int count_owned(const struct share_rules *rules, int64_t member)
{
        int count = 0;

        for (int i = 0; i < STORE_SHARE_ROWS; i++)
                count += rules->shards[i].row.owner == member;
        return count;
}

static bool has_fewest(const struct share_rules *rules, int64_t now_ns)
{
        int mine = count_owned(rules, rules->me);
        enum store_share_state group = state_of_group(rules, now_ns);

        for (int i = 0; i < rules->other_count; i++) {
                const struct share_other *other = &rules->others[i];
                int owned = count_owned(rules, other->number);

                if (other->state != group || !takes_part(rules, other, now_ns, BEATS_FIRST))
                        continue;
                if (owned < mine || (owned == mine && other->number < rules->me))
                        return false;
        }
        return true;
}

/* --- what to do next ------------------------------------------------------------------------ */

static enum store_share_state own_state(const struct share_rules *rules)
{
        if (rules->leaves)
                return STORE_SHARE_LEAVING;
        return rules->is_able ? STORE_SHARE_LIVE : STORE_SHARE_UNABLE;
}

static void add_row(struct store_share_statement *statement, int number, int64_t epoch)
{
        statement->shards[statement->count].shard = number;
        statement->shards[statement->count++].epoch = epoch;
}

static void plan_release(const struct share_rules *rules, struct store_share_statement *statement)
{
        statement->action = STORE_SHARE_RELEASE;
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++) {
                const struct share_shard *shard = share_shard_of(rules, number);

                if (shard->phase == SHARE_RELEASED)
                        add_row(statement, number, shard->epoch);
        }
}

static bool plan_fence(const struct share_rules *rules, int64_t now_ns,
                       struct store_share_statement *statement)
{
        for (int i = 0; i < rules->other_count; i++) {
                const struct share_other *other = &rules->others[i];

                if (now_ns - other->since_ns <= patience_ns(rules))
                        continue;
                statement->action = STORE_SHARE_FENCE;
                statement->other = other->number;
                statement->beat = other->beat;
                return true;
        }
        return false;
}

static bool plan_task(struct share_rules *rules, int64_t now_ns,
                      struct store_share_statement *statement)
{
        for (int task = -1; task >= STORE_SHARD_FIRST; task--) {
                if (!is_free(rules, task) || !has_fewest(rules, now_ns))
                        continue;
                add_row(statement, task, shard_at(rules, task)->row.epoch);
                statement->want = 1;
                return true;
        }
        return false;
}

/* Where in the list of what is free this member begins, so that two rarely want the same. */
static int first_free(const struct share_rules *rules, int free_count)
{
        int before = 0;

        for (int i = 0; i < rules->other_count; i++)
                before += rules->others[i].number < rules->me;
        return free_count * before / (rules->other_count + 1);
}

static bool plan_shards(struct share_rules *rules, int64_t now_ns,
                        struct store_share_statement *statement)
{
        int shards[STORE_SHARDS];
        int count = 0;

        statement->want = target(rules, now_ns, 1) - count_phase(rules, SHARE_MINE) -
                          count_phase(rules, SHARE_ENDING);
        for (int number = 0; number < STORE_SHARDS && statement->want > 0; number++) {
                if (is_free(rules, number))
                        shards[count++] = number;
        }
        for (int i = 0, at = first_free(rules, count); i < count; i++, at++)
                add_row(statement, shards[at % count],
                        shard_at(rules, shards[at % count])->row.epoch);
        return count > 0;
}

static bool plan_claim(struct share_rules *rules, int64_t now_ns,
                       struct store_share_statement *statement)
{
        if (!is_in_group(rules, now_ns) ||
            (!plan_task(rules, now_ns, statement) && !plan_shards(rules, now_ns, statement)))
                return false;
        statement->action = STORE_SHARE_CLAIM;
        return true;
}

/* What is more than this member's part ends, at the slow pace unless it may have none at all. */
static void rebalance(struct share_rules *rules, int64_t now_ns)
{
        int most = target(rules, now_ns, BEATS_FIRST);
        int excess = count_phase(rules, SHARE_MINE) - most;
        int64_t allowed;

        if (most == 0 && !rules->leaves) {
                end_all(rules);
                return;
        }
        if (rules->pace_ns < now_ns - CLOCK_NS_PER_S)
                rules->pace_ns = now_ns - CLOCK_NS_PER_S;
        allowed = (now_ns - rules->pace_ns) * rules->releases_per_s / CLOCK_NS_PER_S;
        for (int number = STORE_SHARDS - 1; number >= 0 && excess > 0 && allowed > 0; number--) {
                if (shard_at(rules, number)->phase != SHARE_MINE)
                        continue;
                end(rules, number);
                rules->pace_ns += CLOCK_NS_PER_S / rules->releases_per_s;
                excess--;
                allowed--;
        }
}

static void choose_last(struct share_rules *rules, struct store_share_statement *statement)
{
        if (rules->me == 0)
                rules->is_done = true;
        else if (has_released(rules))
                plan_release(rules, statement);
        else
                statement->action = STORE_SHARE_GO;
}

static void choose(struct share_rules *rules, int64_t now_ns,
                   struct store_share_statement *statement)
{
        if (rules->closes) {
                choose_last(rules, statement);
        } else if (rules->me == 0) {
                statement->action = rules->leaves ? STORE_SHARE_WAIT : STORE_SHARE_JOIN;
                statement->member = rules->before;
        } else if (now_ns >= rules->beat_at_ns) {
                statement->action = STORE_SHARE_BEAT;
                statement->state = own_state(rules);
        } else if (has_released(rules)) {
                plan_release(rules, statement);
        } else if (now_ns >= rules->look_at_ns) {
                statement->action = STORE_SHARE_LOOK;
        } else if (!plan_fence(rules, now_ns, statement)) {
                if (rules->has_looked && rules->beats >= BEATS_FIRST && !rules->leaves &&
                    may_act(rules, now_ns))
                        rules->has_looked = plan_claim(rules, now_ns, statement);
        }
}

static int64_t sooner(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t next_wake_ns(const struct share_rules *rules, int64_t now_ns)
{
        int64_t wake_ns = INT64_MAX;

        if (rules->me != 0)
                wake_ns = sooner(rules->beat_at_ns, rules->look_at_ns);
        for (int i = 0; i < rules->other_count && rules->me != 0; i++)
                wake_ns = sooner(wake_ns, rules->others[i].since_ns + patience_ns(rules) + 1);
        if (now_ns < rules->retry_at_ns)
                wake_ns = rules->retry_at_ns;
        return now_ns < rules->deadline_ns ? sooner(wake_ns, rules->deadline_ns) : wake_ns;
}

void share_next(struct share_rules *rules, int64_t now_ns, struct store_share_statement *statement,
                int64_t *wake_ns)
{
        share_expire(rules, now_ns);
        memset(statement, 0, sizeof(*statement));
        statement->member = rules->me;
        statement->sent_ns = now_ns;
        if (now_ns >= rules->retry_at_ns)
                choose(rules, now_ns, statement);
        *wake_ns = next_wake_ns(rules, now_ns);
}

/* --- answers -------------------------------------------------------------------------------- */

static void put_out(struct share_rules *rules)
{
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++)
                lose(rules, number);
        rules->before = rules->me;
        rules->me = 0;
        rules->beats = 0;
        rules->deadline_ns = 0;
        rules->has_looked = false;
}

static void joined(struct share_rules *rules, int64_t now_ns, int64_t member)
{
        rules->me = member;
        rules->before = 0;
        rules->beats = 0;
        rules->deadline_ns = 0;
        rules->beat_at_ns = now_ns;
        rules->look_at_ns = now_ns;
        rules->news.joined = member;
}

static void beaten(struct share_rules *rules, const struct store_share_statement *statement,
                   bool is_member)
{
        int64_t deadline_ns = statement->sent_ns + acts_ns(rules);

        if (!is_member) {
                rules->news.is_fenced = true;
                put_out(rules);
                return;
        }
        rules->beats++;
        rules->beat_at_ns = statement->sent_ns + beat_ns(rules);
        if (deadline_ns > rules->deadline_ns)
                rules->deadline_ns = deadline_ns;
}

/* The shards of one who is out have not changed, but are free now; of one who has beaten, too. */
static void forget_other(struct share_rules *rules, int64_t number)
{
        struct share_other *other = find_other(rules, number);

        if (other)
                *other = rules->others[--rules->other_count];
}

static void see_member(struct share_rules *rules, int64_t now_ns,
                       const struct store_share_member *member, struct share_other *seen)
{
        const struct share_other *before = find_other(rules, member->number);

        *seen = (struct share_other){
                .number = member->number,
                .beat = member->beat,
                .since_ns = before && before->beat == member->beat ? before->since_ns : now_ns,
                .state = member->state,
        };
}

static void see_members(struct share_rules *rules, int64_t now_ns,
                        const struct store_share_answer *answer)
{
        struct share_other seen[STORE_SHARE_MEMBERS] = {{.number = 0}};
        int count = 0;

        for (int i = 0; i < answer->member_count; i++) {
                if (answer->members[i].number != rules->me)
                        see_member(rules, now_ns, &answer->members[i], &seen[count++]);
        }
        memcpy(rules->others, seen, (size_t)count * sizeof(seen[0]));
        rules->other_count = count;
}

static void see_row(struct share_rules *rules, int64_t now_ns, int number,
                    const struct store_share_row *row)
{
        struct share_shard *shard = shard_at(rules, number);
        bool is_mine = row->owner == rules->me;

        shard->row = *row;
        if (share_is_used(shard) && (!is_mine || row->epoch != shard->epoch)) {
                lose(rules, number);
        } else if (shard->phase == SHARE_RELEASED && !is_mine) {
                shard->phase = SHARE_NOT_MINE;
        } else if (shard->phase == SHARE_RELEASED ||
                   (is_mine && rules->leaves && !share_is_used(shard))) {
                shard->phase = SHARE_RELEASED;
                shard->epoch = row->epoch;
        } else if (shard->phase == SHARE_NOT_MINE && is_mine && may_act(rules, now_ns)) {
                gain(rules, number, row->epoch);
        }
}

static void looked(struct share_rules *rules, int64_t now_ns,
                   const struct store_share_statement *statement,
                   const struct store_share_answer *answer)
{
        see_members(rules, now_ns, answer);
        for (int number = STORE_SHARD_FIRST; number < STORE_SHARD_END; number++)
                see_row(rules, now_ns, number, &answer->rows[number - STORE_SHARD_FIRST]);
        rules->has_looked = true;
        rules->look_at_ns = statement->sent_ns + look_ns(rules);
        if (rules->beats >= BEATS_FIRST && may_act(rules, now_ns))
                rebalance(rules, now_ns);
}

static void claimed(struct share_rules *rules, int64_t now_ns,
                    const struct store_share_statement *statement,
                    const struct store_share_answer *answer)
{
        for (int i = 0; i < statement->count; i++) {
                int number = statement->shards[i].shard;
                const struct store_share_row *row = &answer->rows[number - STORE_SHARD_FIRST];
                struct share_shard *shard = shard_at(rules, number);

                if (row->owner == 0) {
                        shard->row.owner = OWNER_UNKNOWN;
                        continue;
                }
                if (shard->row.owner > 0)
                        rules->news.taken_over++;
                else
                        rules->news.claimed++;
                shard->row = *row;
                if (may_act(rules, now_ns))
                        gain(rules, number, row->epoch);
        }
}

static void was_released(struct share_rules *rules, const struct store_share_statement *statement)
{
        for (int i = 0; i < statement->count; i++) {
                struct share_shard *shard = shard_at(rules, statement->shards[i].shard);

                if (shard->phase != SHARE_RELEASED || shard->epoch != statement->shards[i].epoch)
                        continue;
                shard->phase = SHARE_NOT_MINE;
                shard->row.owner = OWNER_UNKNOWN;
                rules->news.released++;
        }
}

static void fenced(struct share_rules *rules, int64_t now_ns,
                   const struct store_share_statement *statement,
                   const struct store_share_answer *answer)
{
        forget_other(rules, statement->other);
        rules->look_at_ns = now_ns;
        if (answer->number > 0)
                rules->news.fenced = statement->other;
}

static void failed(struct share_rules *rules, int64_t now_ns)
{
        rules->retry_at_ns = now_ns + RETRY_NS;
        rules->look_at_ns = now_ns;
        rules->has_looked = false;
        rules->is_done = rules->closes;
}

/* What is known of the others is as old. */
static void forget_all(struct share_rules *rules)
{
        rules->news.is_fenced = true;
        put_out(rules);
        rules->before = 0;
        rules->other_count = 0;
}

static void note(struct share_rules *rules, int64_t now_ns,
                 const struct store_share_statement *statement,
                 const struct store_share_answer *answer)
{
        if (answer->is_unknown) {
                forget_all(rules);
                return;
        }
        switch (statement->action) {
        case STORE_SHARE_JOIN:
                joined(rules, now_ns, answer->number);
                break;
        case STORE_SHARE_BEAT:
                beaten(rules, statement, answer->number > 0);
                break;
        case STORE_SHARE_LOOK:
                looked(rules, now_ns, statement, answer);
                break;
        case STORE_SHARE_FENCE:
                fenced(rules, now_ns, statement, answer);
                break;
        case STORE_SHARE_CLAIM:
                claimed(rules, now_ns, statement, answer);
                break;
        case STORE_SHARE_RELEASE:
                was_released(rules, statement);
                break;
        case STORE_SHARE_GO:
                put_out(rules);
                rules->is_done = rules->closes;
                break;
        case STORE_SHARE_WAIT:
                break;
        }
}

void share_answered(struct share_rules *rules, int64_t now_ns,
                    const struct store_share_statement *statement,
                    const struct store_share_answer *answer)
{
        if (answer)
                note(rules, now_ns, statement, answer);
        else
                failed(rules, now_ns);
        share_expire(rules, now_ns);
}

/* --- wishes --------------------------------------------------------------------------------- */

void share_init(struct share_rules *rules, int64_t lease_ns, int64_t releases_per_s)
{
        memset(rules, 0, sizeof(*rules));
        rules->lease_ns = lease_ns;
        rules->releases_per_s = releases_per_s;
        rules->is_able = true;
}

void share_released(struct share_rules *rules, const struct store_shards *shards)
{
        store_shards_for_each (number, shards) {
                struct share_shard *shard = shard_at(rules, number);

                if (shard->phase == SHARE_ENDING)
                        shard->phase = SHARE_RELEASED;
        }
}

void share_set_able(struct share_rules *rules, bool able)
{
        if (able != rules->is_able)
                rules->beat_at_ns = 0;
        rules->is_able = able;
}

void share_hint(struct share_rules *rules)
{
        rules->look_at_ns = 0;
}

void share_leave(struct share_rules *rules)
{
        rules->leaves = true;
        rules->beat_at_ns = 0;
        end_all(rules);
}

void share_close(struct share_rules *rules)
{
        rules->closes = true;
        rules->leaves = true;
        rules->retry_at_ns = 0;
        for (int i = 0; i < STORE_SHARE_ROWS; i++) {
                if (share_is_used(&rules->shards[i]))
                        rules->shards[i].phase = SHARE_RELEASED;
        }
}

struct share_news share_take_news(struct share_rules *rules)
{
        struct share_news news = rules->news;

        memset(&rules->news, 0, sizeof(rules->news));
        return news;
}
