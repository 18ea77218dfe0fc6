// SPDX-License-Identifier: MIT
/*
 * The folder of formatters: which files there are, which version of each is in force, and which
 * one is being tried. A file that was once used is watched until the pool ends. All on the thread
 * "formatter"; reads files.
 *
 * A text that comes up is a candidate until a worker has compiled it (formatter_files_judge). Until
 * then, and for ever if it does not compile, the version before it stays in force.
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_FILES_H
#define ISTHMUS_FORMATTER_FORMATTER_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/reason.h"

/* How often the folder is looked at even if nothing was heard of it: network file systems say
 * nothing. */
#define FORMATTER_FILES_LOOK_MS 2000

struct formatter_offender;

struct formatter_version {
        uint64_t id; /* never given twice, also not to a call */
        struct buf source;
        int deaths;                          /* of workers, while it was compiled */
        struct formatter_offender *offender; /* formatter_probation's; NULL = it is not there */
};

/* What tells one content of a file from another. */
struct formatter_file_key {
        dev_t device;
        ino_t inode;
        off_t size;
        int64_t changed_ns;
};

struct formatter_file {
        char *name;
        char *path;
        struct formatter_file_key key;       /* of the newest text that was read */
        struct formatter_version *current;   /* in force, or NULL */
        struct formatter_version *candidate; /* being tried, or NULL */
        struct reason broken; /* why there is no current, when there is no candidate either */
        bool missed;          /* it was not there at the last look */
        struct list waiting;  /* the pool's: calls until there is a current */
};

struct formatter_files_hooks {
        /* There is a new candidate, to be judged; one before it is forgotten. */
        void (*candidate)(void *context, struct formatter_file *file);
        /* `version` is no longer in force; it is about to be freed. */
        void (*retired)(void *context, struct formatter_version *version);
        void *context;
        uint64_t *last_id; /* ids are drawn from here */
};

struct formatter_files;

/* `mirror` (or NULL): where it is looked for what `directory` does not have. */
struct formatter_files *formatter_files_new(const char *directory, const char *mirror,
                                            const struct formatter_files_hooks *hooks);
void formatter_files_free(struct formatter_files *files);

/*
 * The formatter of that name, read if it is new; `part` is the folder below the mirror. NULL with
 * the reason if there is no such file. Of one that is there, exactly one of current, candidate and
 * broken says what to do, in this order.
 */
struct formatter_file *formatter_files_get(struct formatter_files *files, const char *name,
                                           const char *part, struct reason *reason);

/* To be watched for input; -1 if the system has no more of them. */
int formatter_files_descriptor(const struct formatter_files *files);

/* Something was heard, or FORMATTER_FILES_LOOK_MS have passed. */
void formatter_files_look(struct formatter_files *files, bool heard);

/* The candidate of that id compiles, or does not for this reason. Unknown ids are ignored. */
struct formatter_file *formatter_files_judge(struct formatter_files *files, uint64_t id, bool good,
                                             const struct reason *reason);

/* The file whose candidate or current has this id; NULL if none has. */
struct formatter_file *formatter_files_of_version(struct formatter_files *files, uint64_t id);

void formatter_files_each(struct formatter_files *files,
                          void (*visit)(void *context, struct formatter_file *file), void *context);

#endif
