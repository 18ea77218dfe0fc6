// SPDX-License-Identifier: MIT
/*
 * Lines of the log as items: failures (errors and dead letters) and messages (other warnings), of
 * each id only so many in a minute (rule A9).
 */
#ifndef ISTHMUS_MONITOR_MONITOR_LOG_H
#define ISTHMUS_MONITOR_MONITOR_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "monitor/monitor_item.h"

#define MONITOR_LOG_PER_MINUTE 10

/* Ids that are told apart; those beyond share the last place. */
#define MONITOR_LOG_IDS_MAX 64

struct monitor_log {
        pthread_mutex_t lock;
        struct {
                const char *id; /* static, as all ids of log.h */
                int64_t minute_ends_ns;
                int64_t told;
                int64_t untold;
        } ids[MONITOR_LOG_IDS_MAX];
        size_t count;
};

void monitor_log_init(struct monitor_log *log);
void monitor_log_deinit(struct monitor_log *log);

/*
 * True if one more line of this id may be told now, which uses up one of its minute; else it is
 * counted as not told. Any thread; steady clock.
 */
bool monitor_log_admit(struct monitor_log *log, const char *id, int64_t now_ns);

/*
 * To be called until it returns NULL: each item, the caller's, says of one id how many of its lines
 * were not told, once its minute is over; with `all`, also of those whose minute is not.
 */
struct monitor_item *monitor_log_suppressed(struct monitor_log *log, int64_t now_ns, bool all);

/* The line as an item, the caller's. Without `device_ids` no device's id is in it (rule A7). */
struct monitor_item *monitor_log_item(enum log_level level, const char *id, const char *sentence,
                                      const struct log_field *fields, bool device_ids);

#endif
