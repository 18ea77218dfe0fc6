// SPDX-License-Identifier: MIT
/*
 * Members of a store in PostgreSQL, in one process and in several: all shards have an owner again
 * after each fault, and no member acts for a shard when a later epoch has acted for it.
 */
#include "component/store/support_postgres.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/metrics.h"
#include "store/share/share_inside.h"
#include "store/store_share_backend.h"

#define PROCESSES 3
#define LEASE_MS  1500

/* What the processes tell each other and the test, in memory that they share. */
struct board {
        atomic_int_least64_t highest[STORE_SHARE_ROWS]; /* epoch that has acted */
        atomic_int_least64_t acts[PROCESSES][STORE_SHARE_ROWS];
        atomic_int rounds[PROCESSES];
        atomic_int lost[PROCESSES]; /* so often all was lost */
        atomic_int members[PROCESSES];
        atomic_bool leaves[PROCESSES];
        atomic_bool ends[PROCESSES];
        atomic_bool unable[PROCESSES];
        atomic_int violations;
};

static struct board *board;
static struct store_server server;
static pid_t children[PROCESSES];

/* --- a member ------------------------------------------------------------------------------- */

struct user {
        int number;
        struct store *store;
        pthread_mutex_t mutex;
        struct store_shards ending; /* guarded by it */
};

static void note_release(void *context, const struct store_shards *shards)
{
        struct user *user = context;

        assert_true(thread_is("store-share"));
        pthread_mutex_lock(&user->mutex);
        store_shards_add_all(&user->ending, shards);
        pthread_mutex_unlock(&user->mutex);
}

static void note_lost(void *context, const struct store_shards *shards)
{
        struct user *user = context;

        store_shards_for_each (shard, shards)
                board->violations += store_may_act(user->store, shard);
        board->lost[user->number]++;
}

static void note_gained(void *context, const struct store_shards *shards)
{
        (void)context;
        assert_int_not_equal(store_shards_count(shards), 0);
}

static void note_members(void *context, int live)
{
        board->members[((struct user *)context)->number] = live;
}

static struct store_options options_of(struct user *user)
{
        static const char *const names[PROCESSES] = {"a", "b", "c"};
        struct store_options options = {
                .backend = "postgresql",
                .share = {.gained = note_gained,
                          .release = note_release,
                          .lost = note_lost,
                          .members = note_members,
                          .context = user},
        };

        options.shared = true;
        options.server = server;
        options.server.timeout_ms = 500;
        options.server.lease_ms = LEASE_MS;
        options.server.releases_per_s = STORE_SHARDS;
        options.server.member_name = names[user->number];
        options.server.member_address = "192.0.2.1:8080";
        return options;
}

/*
 * Takes part without being the store's one writer. What store_share_released hands to the writer is
 * answered by answer_writes.
 */
static struct user *join_later(int number)
{
        struct user *user = mem_new(1, sizeof(*user));
        struct store_options options = options_of(user);
        struct reason reason = REASON_INIT;

        user->number = number;
        options = options_of(user);
        pthread_mutex_init(&user->mutex, NULL);
        if (store_open_to_read(&options, &user->store, &reason) != 0)
                fail_msg("%s", reason.text);
        store_share_open(user->store);
        return user;
}

static struct user *join(int number)
{
        struct user *user = join_later(number);

        store_share_start(user->store);
        return user;
}

static void leave(struct user *user)
{
        store_close(user->store);
        for (int i = 0; i < STORE_SHARE_ROWS; i++)
                board->acts[user->number][i] = 0;
        pthread_mutex_destroy(&user->mutex);
        free(user);
}

static void answer_writes(struct store *store)
{
        struct list_node *node;

        do {
                pthread_mutex_lock(&store->mutex);
                node = list_pop_front(&store->inbox.writes);
                pthread_mutex_unlock(&store->mutex);
                if (node) {
                        struct store_write *write = list_entry(node, struct store_write, node);

                        write->done(write, 0);
                }
        } while (node);
}

/* As a hub that sees each send: has somebody acted who got the shard after this one? */
static void act(struct user *user, int shard)
{
        int at = shard - STORE_SHARD_FIRST;
        int64_t epoch = store_share_epoch(user->store, shard);
        int64_t highest = board->highest[at];
        bool may = store_may_act(user->store, shard);

        board->acts[user->number][at] = may ? epoch : 0;
        if (!may || epoch == 0 || epoch != store_share_epoch(user->store, shard))
                return;
        if (highest > epoch)
                board->violations++;
        while (highest < epoch &&
               !atomic_compare_exchange_weak(&board->highest[at], &highest, epoch))
                ;
}

static void use(struct user *user)
{
        struct store_shards ending;

        for (int shard = STORE_SHARD_FIRST; shard < STORE_SHARD_END; shard++)
                act(user, shard);
        pthread_mutex_lock(&user->mutex);
        ending = user->ending;
        user->ending = store_shards_none();
        pthread_mutex_unlock(&user->mutex);
        if (store_shards_count(&ending) > 0)
                store_share_released(user->store, &ending);
        answer_writes(user->store);
        board->rounds[user->number]++;
}

static void pause_a_little(void)
{
        usleep(2000);
}

/* --- processes ------------------------------------------------------------------------------ */

static void run_child(int number)
{
        struct user *user = join(number);
        bool leaves = false;

        while (!board->ends[number]) {
                use(user);
                store_share_set_able(user->store, !board->unable[number]);
                if (board->leaves[number] && !leaves)
                        store_share_leave(user->store);
                leaves = board->leaves[number];
                pause_a_little();
        }
        leave(user);
        _exit(0);
}

static void start_child(int number)
{
        board->leaves[number] = board->ends[number] = board->unable[number] = false;
        for (int i = 0; i < STORE_SHARE_ROWS; i++)
                board->acts[number][i] = 0;
        fflush(NULL);
        children[number] = fork();
        assert_true(children[number] >= 0);
        if (children[number] == 0)
                run_child(number);
}

static void reap(int number)
{
        int status;

        assert_int_equal(waitpid(children[number], &status, 0), children[number]);
        children[number] = 0;
        for (int i = 0; i < STORE_SHARE_ROWS; i++)
                board->acts[number][i] = 0;
}

static void kill_child(int number)
{
        kill(children[number], SIGKILL);
        reap(number);
}

static void end_child(int number)
{
        board->ends[number] = true;
        reap(number);
}

static void end_all(void)
{
        for (int i = 0; i < PROCESSES; i++) {
                if (children[i])
                        end_child(i);
        }
}

/* --- what is expected ----------------------------------------------------------------------- */

static int count_acting(int number)
{
        int count = 0;

        for (int i = STORE_SHARE_TASKS; i < STORE_SHARE_ROWS; i++)
                count += board->acts[number][i] != 0;
        return count;
}

/* Do the members of this mask act for all there is, each for no more than its part? */
static bool is_shared_by(unsigned mask)
{
        int members = __builtin_popcount(mask);
        int owned = 0;

        for (int i = 0; i < STORE_SHARE_ROWS; i++) {
                for (int number = 0; number < PROCESSES; number++)
                        owned += (mask >> number & 1) && board->acts[number][i] != 0;
        }
        for (int number = 0; number < PROCESSES; number++) {
                if ((mask >> number & 1) &&
                    count_acting(number) > (STORE_SHARDS + members - 1) / members)
                        return false;
        }
        return owned == STORE_SHARE_ROWS;
}

static void await_round(int number)
{
        int rounds = board->rounds[number];

        while (board->rounds[number] < rounds + 2)
                pause_a_little();
}

static void await_shared_by(unsigned mask, const char *what)
{
        int64_t since_ms = clock_steady_ms();

        while (!is_shared_by(mask)) {
                if (clock_steady_ms() > since_ms + SUPPORT_DEADLINE_MS)
                        fail_msg("%s: the members have %d, %d, %d shards", what, count_acting(0),
                                 count_acting(1), count_acting(2));
                pause_a_little();
        }
        printf("%s: all is owned after %ld ms\n", what, (long)(clock_steady_ms() - since_ms));
        assert_int_equal(board->violations, 0);
}

/* In the database, too: nobody has taken a shard from a member that was not out. */
static const char record_sql[] =
        "CREATE TABLE isthmus.moves (id serial, shard int, owner int, epoch int8, taken_from text,"
        " UNIQUE (shard, epoch));"
        "CREATE FUNCTION isthmus.note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN"
        " INSERT INTO isthmus.moves (shard, owner, epoch, taken_from) VALUES (NEW.shard,"
        "  NEW.owner, NEW.epoch, (SELECT state FROM isthmus.members WHERE member = OLD.owner));"
        " RETURN NULL; END $$;"
        "CREATE TRIGGER note_move AFTER UPDATE ON isthmus.shards FOR EACH ROW"
        " EXECUTE FUNCTION isthmus.note_move()";

static const char check_sql[] =
        "DO $$ BEGIN IF EXISTS (SELECT FROM isthmus.moves WHERE taken_from <> 'gone'"
        " AND owner IS NOT NULL AND owner NOT IN (SELECT member FROM isthmus.members"
        "  WHERE name = 'failover')) THEN RAISE 'a shard was taken from a member'; END IF;"
        " IF (SELECT count(*) FROM isthmus.moves) < 256 THEN RAISE 'nothing was noted';"
        " END IF; END $$";

static int setup(void **state)
{
        struct store_options options = {.backend = "postgresql"};

        support_make_tables();
        support_use_server(&options);
        server = options.server;
        test_postgres_run(support_server, "DROP ROLE IF EXISTS gateway");
        test_postgres_run(support_server, "CREATE ROLE gateway LOGIN");
        options.server.user = server.user = "gateway";
        assert_int_equal(store_migrate(&options, &(struct store_owner){.user = "isthmus"}, NULL),
                         0);
        test_postgres_run(support_server, record_sql);
        board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0);
        assert_ptr_not_equal(board, MAP_FAILED);
        *state = NULL;
        return 0;
}

static int forget(void **state)
{
        (void)state;
        munmap(board, sizeof(*board));
        return 0;
}

static int teardown(void **state)
{
        int violations = board->violations;

        for (int i = 0; i < PROCESSES; i++) {
                if (!children[i])
                        continue;
                kill(children[i], SIGCONT);
                kill_child(i);
        }
        test_postgres_run(support_server, check_sql);
        return forget(state) + violations;
}

/* --- in one process ------------------------------------------------------------------------- */

static void note_answer(void *context, int shard, bool ours)
{
        atomic_int *answer = context;

        *answer = ours ? shard : -shard;
}

static bool note_member(void *context, const struct store_member *member)
{
        *(struct store_member *)context = *member;
        assert_string_equal(member->name, "a");
        assert_string_equal(member->address, "192.0.2.1:8080");
        assert_string_equal(member->state, "live");
        assert_string_equal(member->program, ISTHMUS_VERSION);
        assert_int_equal(member->process, getpid());
        assert_int_equal(member->shards, STORE_SHARDS);
        assert_true(member->beat > 2 && member->joined_ms > 0);
        return true;
}

static bool note_row(void *context, const struct store_shard_row *row)
{
        int *next = context;

        assert_int_equal(row->shard, (*next)++);
        assert_true(row->owner > 0 && row->epoch > 0);
        return true;
}

static bool expect_free(void *context, const struct store_shard_row *row)
{
        (void)context;
        assert_int_equal(row->owner, 0);
        return true;
}

static bool expect_nobody(void *context, const struct store_member *member)
{
        (void)context;
        fail_msg("%s is there", member->name);
        return false;
}

static void await_all_by(struct user *user)
{
        while (!is_shared_by(1U << user->number)) {
                use(user);
                pause_a_little();
        }
}

static void one_member_owns_all_and_gives_it_back(void **state)
{
        struct user user = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        struct store_options options = options_of(&user);
        struct store_member member = {.number = 0};
        struct store_owner_name owner;
        struct store_self self;
        atomic_int answer = 0;
        int next = STORE_SHARD_FIRST;

        (void)state;
        assert_int_equal(store_open(&options, &user.store, NULL), 0);
        assert_false(store_may_act(user.store, 0));
        store_share_start(user.store);
        await_all_by(&user);
        assert_true(store_may_begin(user.store, 255) || LEASE_MS < 2000);
        store_share_ask(user.store, 9, note_answer, &answer);
        while (answer == 0)
                pause_a_little();
        assert_int_equal(answer, 9);
        assert_true(store_share_owner(user.store, 9, &owner));
        assert_string_equal(owner.name, "a");
        assert_true(store_share_self(user.store, &self));
        assert_string_equal(self.name, "a");
        assert_int_equal(self.shards, STORE_SHARDS);
        assert_true(self.lease_ms > 0);
        assert_int_equal(store_members_each(user.store, note_member, &member), 0);
        assert_int_not_equal(member.number, 0);
        assert_int_equal(store_shards_each(user.store, note_row, &next), 0);
        assert_int_equal(next, STORE_SHARD_END);
        store_close(user.store);

        assert_int_equal(store_open_to_read(&options, &user.store, NULL), 0);
        assert_int_equal(store_members_each(user.store, expect_nobody, NULL), 0);
        assert_int_equal(store_shards_each(user.store, expect_free, NULL), 0);
        store_close(user.store);
}

/* The record is there before others may have the shard. */
static void what_was_written_before_the_release_is_written_first(void **state)
{
        struct user user = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        struct store_options options = options_of(&user);
        struct store_shards ending;

        (void)state;
        assert_int_equal(store_open(&options, &user.store, NULL), 0);
        store_share_start(user.store);
        await_all_by(&user);
        store_share_leave(user.store);
        do {
                pause_a_little();
                pthread_mutex_lock(&user.mutex);
                ending = user.ending;
                pthread_mutex_unlock(&user.mutex);
        } while (store_shards_count(&ending) == 0);
        assert_int_equal(store_shards_count(&ending), STORE_SHARDS);
        assert_true(store_may_act(user.store, 3));
        store_write_copy(user.store,
                         &(struct store_record){
                                 .kind = "test", .key = "last", .value = "x", .value_size = 1});
        store_share_released(user.store, &ending);
        assert_false(store_may_act(user.store, 3));
        while (store_share_epoch(user.store, 3) != 0)
                pause_a_little();
        test_postgres_run(support_server,
                          "DO $$ BEGIN IF NOT EXISTS (SELECT FROM isthmus.records WHERE"
                          " key = 'last') THEN RAISE 'it is not there'; END IF; END $$");
        store_close(user.store);
}

/* Has a transaction that begins so, until it is told to end. */
static pid_t start_transaction(const char *begin)
{
        pid_t child = fork();
        CLEANUP(mem_cleanup) char *sql = NULL;

        assert_true(child >= 0);
        if (child > 0)
                return child;
        sql = mem_format("%s;"
                         "DO $$ BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN"
                         " NULL; END $$;"
                         "COMMIT",
                         begin);
        test_postgres_run(support_server, sql);
        _exit(0);
}

static void end_transaction(pid_t child)
{
        int status;

        test_postgres_run(support_server,
                          "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE"
                          " pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'");
        assert_int_equal(waitpid(child, &status, 0), child);
}

static void who_holds_an_old_snapshot_is_named(void **state)
{
        const struct store_options options = {.backend = "postgresql", .server = server};
        const struct store_share_backend *backend = store_backend_find("postgresql", NULL)->share;
        const struct store_share_statement look = {.action = STORE_SHARE_LOOK};
        struct store_share_answer *answer = mem_new(1, sizeof(*answer));
        struct store_share_health health = {.snapshot_s = 0};
        void *share = backend->open(&options);
        pid_t child = start_transaction("BEGIN ISOLATION LEVEL REPEATABLE READ");

        (void)state;
        assert_int_equal(backend->run(share, &look, answer, NULL), 0);
        while (health.snapshot_s < 1) {
                assert_int_equal(backend->health(share, &health), 0);
                pause_a_little();
        }
        assert_int_not_equal(health.process, 0);
        assert_int_equal(health.writer, 0);
        end_transaction(child);
        while (health.process != 0) {
                assert_int_equal(backend->health(share, &health), 0);
                pause_a_little();
        }
        child = start_transaction("BEGIN; SELECT pg_current_xact_id()");
        while (health.writer_s < 1) {
                assert_int_equal(backend->health(share, &health), 0);
                pause_a_little();
        }
        assert_int_not_equal(health.writer, 0);
        end_transaction(child);
        while (health.writer != 0) {
                assert_int_equal(backend->health(share, &health), 0);
                pause_a_little();
        }
        backend->close(share);
        free(answer);
}

static atomic_int health_looks;

/* What a database in trouble would say; each look at the feed reads again what was read before. */
static int say_ill(void *share, struct store_share_health *health)
{
        (void)share;
        health_looks++;
        metrics_add(METRIC_FEED_AGAIN, 2000);
        *health = (struct store_share_health){
                .snapshot_s = 600, .process = 11, .writer_s = 20, .writer = 22};
        return 0;
}

static atomic_int old_snapshots;
static atomic_int slow_feeds;

static void note_warning(void *context, enum log_level level, const char *id, const char *sentence,
                         const struct log_field *fields)
{
        (void)context;
        (void)level;
        (void)sentence;
        if (strcmp(id, "STORE_SNAPSHOT_OLD") == 0 && fields[0].number == 11 &&
            fields[1].number == 600)
                old_snapshots++;
        if (strcmp(id, "STORE_FEED_SLOW") == 0 && fields[0].number == 22 && fields[1].number == 20)
                slow_feeds++;
}

static void who_keeps_the_database_from_being_tidied_is_told_once(void **state)
{
        struct user *user = join_later(0);
        struct store_share_backend backend = *user->store->share->backend;

        (void)state;
        backend.health = say_ill;
        user->store->share->backend = &backend;
        metrics_add(METRIC_FEED_NEW, 100);
        metrics_add(METRIC_FEED_AGAIN, 2000);
        log_listen(LOG_LEVEL_WARN, note_warning, NULL);
        store_share_start(user->store);
        /* One more finds the same. */
        while (old_snapshots == 0 || slow_feeds == 0 || health_looks < 3) {
                use(user);
                pause_a_little();
        }
        log_unlisten(note_warning);
        assert_int_equal(old_snapshots, 1);
        assert_int_equal(slow_feeds, 1);
        leave(user);
}

static void members_in_one_process_share_and_leave(void **state)
{
        struct user *users[PROCESSES];

        (void)state;
        for (int i = 0; i < PROCESSES; i++)
                users[i] = join(i);
        while (!is_shared_by(7)) {
                for (int i = 0; i < PROCESSES; i++)
                        use(users[i]);
                pause_a_little();
        }
        store_share_leave(users[0]->store);
        while (!is_shared_by(6)) {
                for (int i = 0; i < PROCESSES; i++)
                        use(users[i]);
                pause_a_little();
        }
        leave(users[0]);
        leave(users[1]);
        while (!is_shared_by(4)) {
                use(users[2]);
                pause_a_little();
        }
        leave(users[2]);
        assert_int_equal(board->violations, 0);
}

/* --- in several processes ------------------------------------------------------------------- */

static void two_that_start_at_once_share_and_a_third_gets_its_part(void **state)
{
        (void)state;
        start_child(0);
        start_child(1);
        await_shared_by(3, "two start at once");
        start_child(2);
        await_shared_by(7, "a third one comes");
        while (board->members[0] != 3)
                pause_a_little();
        board->leaves[1] = true;
        await_shared_by(5, "one leaves");
        end_all();
}

static void the_shards_of_a_killed_member_are_taken_over(void **state)
{
        (void)state;
        for (int i = 0; i < PROCESSES; i++)
                start_child(i);
        await_shared_by(7, "three start");
        kill_child(2);
        await_shared_by(3, "one is killed");
        start_child(2);
        await_shared_by(7, "it comes back");
        kill_child(0);
        kill_child(1);
        await_shared_by(4, "two are killed");
        end_all();
}

static void a_frozen_member_that_wakes_does_not_act(void **state)
{
        (void)state;
        for (int i = 0; i < PROCESSES; i++)
                start_child(i);
        await_shared_by(7, "three start");
        kill(children[1], SIGSTOP);
        await_shared_by(5, "one is frozen");
        kill(children[1], SIGCONT);
        await_round(1);
        await_shared_by(7, "it wakes");
        assert_int_not_equal(board->lost[1], 0);
        end_all();
}

static void who_has_no_way_to_the_hubs_owns_nothing_while_others_have(void **state)
{
        (void)state;
        start_child(0);
        start_child(1);
        await_shared_by(3, "two start");
        board->unable[0] = true;
        await_shared_by(2, "one has no way to the hubs");
        board->unable[1] = true;
        await_shared_by(3, "both have none");
        board->unable[0] = board->unable[1] = false;
        await_shared_by(3, "both have one");
        end_all();
}

static void nobody_acts_while_the_server_is_away(void **state)
{
        (void)state;
        start_child(0);
        start_child(1);
        await_shared_by(3, "two start");
        test_postgres_kill(support_server);
        while (count_acting(0) + count_acting(1) > 0)
                pause_a_little();
        test_postgres_start(support_server);
        await_shared_by(3, "the server is back");
        assert_int_not_equal(board->lost[0], 0);
        end_all();
}

/* The new server lacks the third member and all that it got. */
static void after_a_failover_all_is_taken_over_anew(void **state)
{
        int64_t before;

        (void)state;
        start_child(0);
        start_child(1);
        await_shared_by(3, "two start");
        test_postgres_copy(support_server);
        start_child(2);
        await_shared_by(7, "a third one comes");
        before = board->highest[100];
        test_postgres_fail_over(support_server);
        while (board->highest[100] < before + 1000000)
                pause_a_little();
        await_shared_by(7, "the server is failed over");
        end_all();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(one_member_owns_all_and_gives_it_back),
                TEST(what_was_written_before_the_release_is_written_first),
                cmocka_unit_test_setup_teardown(who_holds_an_old_snapshot_is_named, setup, forget),
                TEST(who_keeps_the_database_from_being_tidied_is_told_once),
                TEST(members_in_one_process_share_and_leave),
                TEST(two_that_start_at_once_share_and_a_third_gets_its_part),
                TEST(the_shards_of_a_killed_member_are_taken_over),
                TEST(a_frozen_member_that_wakes_does_not_act),
                TEST(who_has_no_way_to_the_hubs_owns_nothing_while_others_have),
                TEST(nobody_acts_while_the_server_is_away),
                TEST(after_a_failover_all_is_taken_over_anew),
        };
        int failures;

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        if (!support_start_postgres())
                return 77;
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        support_stop_server();
        return failures;
}
