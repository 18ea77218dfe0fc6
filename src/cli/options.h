// SPDX-License-Identifier: MIT
/*
 * The options of a command: one table says their names, values, fields and meanings; reading them,
 * --help and the manual page all come from it.
 */
#ifndef ISTHMUS_CLI_OPTIONS_H
#define ISTHMUS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* One option; it goes into a field of the command's own struct. */
struct options_row {
        const char *name;    /* without "--"; NULL ends the table */
        char letter;         /* the short form; 0 = none */
        const char *value;   /* what stands for its value in the help; NULL = none: a switch */
        const char *meaning; /* a sentence without its full stop */
        /*
         * Where the field is: bool of a switch; int64_t if `most` is given, for a whole number from
         * `least` to `most`; else const char *.
         */
        size_t offset;
        int64_t least;
        int64_t most;
        /* Reads a value that is something else; false with the reason, which names the option. */
        bool (*read)(void *target, const char *text, struct reason *reason);
};

/* Rows of the usual kinds. */
#define OPTION_SWITCH(type, field, word, said)                                                     \
        {                                                                                          \
                .name = (word), .meaning = (said), .offset = offsetof(type, field)                 \
        }
#define OPTION_TEXT(type, field, word, text, said)                                                 \
        {                                                                                          \
                .name = (word), .value = (text), .meaning = (said),                                \
                .offset = offsetof(type, field)                                                    \
        }
#define OPTION_NUMBER(type, field, word, text, smallest, largest, said)                            \
        {                                                                                          \
                .name = (word), .value = (text), .meaning = (said),                                \
                .offset = offsetof(type, field), .least = (smallest), .most = (largest)            \
        }
#define OPTION_CONFIG(type, field, said)                                                           \
        {                                                                                          \
                .name = "config", .letter = 'c', .value = "FILE", .meaning = (said),               \
                .offset = offsetof(type, field)                                                    \
        }
#define OPTION_READ(word, text, said, function)                                                    \
        {                                                                                          \
                .name = (word), .value = (text), .meaning = (said), .read = (function)             \
        }

/* What a command can do: the first argument that is no option. */
struct options_action {
        const char *name;      /* NULL ends the table */
        const char *arguments; /* what follows it, for the help; a line for each form */
        const char *meaning;   /* a sentence without its full stop; NULL = the summary says it */
        int least;             /* arguments behind the name */
        int most;
        int (*run)(void *target); /* the exit status */
};

#define OPTIONS_ANY_NUMBER 100000

struct options {
        const char *command; /* "queue", "hub watch"; "" = the program itself */
        /* Of a command without actions: what follows its name, a line for each form. */
        const char *synopsis;
        const char *summary;                  /* paragraphs; or NULL */
        const struct options_action *actions; /* or NULL */
        const struct options_row *rows;       /* --help need not be among them */
        const char *notes;                    /* paragraphs behind the options; or NULL */
        int least;                            /* arguments of a command without actions */
        int most;
};

/* What the arguments hold besides options. */
struct options_found {
        const struct options_action *action; /* NULL = the command has none */
        char **arguments;                    /* behind the action's name; `count` of them */
        int count;
};

/*
 * Reads all arguments into `target`, which holds the defaults; `argv[0]` is the command's name.
 * False if nothing is left to do: the help was asked for, or the usage was wrong and has been
 * explained. `*status` is the exit status then.
 */
bool options_read(const struct options *options, int argc, char **argv, void *target,
                  struct options_found *found, int *status) MUST_CHECK;

/* Adds what --help prints. */
void options_help(const struct options *options, struct buf *out);

/* Adds the command's section of the manual page, as mdoc(7). */
void options_manual(const struct options *options, struct buf *out);

#endif
