// SPDX-License-Identifier: MIT
/* What the program asks of the system for itself. */
#ifndef ISTHMUS_BASE_PROCESS_H
#define ISTHMUS_BASE_PROCESS_H

#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>

/* LeakSanitizer stops the program's threads as a debugger does, which needs a dumpable process. */
#if defined(__SANITIZE_ADDRESS__)
#define PROCESS_MUST_BE_DUMPABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PROCESS_MUST_BE_DUMPABLE 1
#endif
#endif
#ifndef PROCESS_MUST_BE_DUMPABLE
#define PROCESS_MUST_BE_DUMPABLE 0
#endif

/*
 * For programs that hold keys: from here on no core is written when they crash, and no other
 * process of the same user may read their memory.
 */
void process_keep_memory_private(void);

/* For programs that keep secrets in files: what they make is for their own user alone. */
void process_keep_files_private(void);

/* The folder that holds the running program, to be freed; NULL if the system does not tell. */
char *process_folder(void);

#define PROCESS_BOOT_ID_SIZE 37

/* Which start of the machine this is, "" if the system does not tell: until the next one the steady
 * clock goes on (random(4), boot_id). */
void process_boot_id(char id[PROCESS_BOOT_ID_SIZE]);

/* Lets this process open as many files as it may at all, and returns how many these are. */
uint64_t process_raise_file_limit(void);

/*
 * For a child that is spawned: no signal is blocked or ignored, as a program expects to find them,
 * and if wanted it leads a process group of its own. Returns 0 or an error number; the attributes
 * are the caller's, initialised.
 */
int process_set_child(posix_spawnattr_t *attributes, bool own_group);

#endif
