// SPDX-License-Identifier: MIT
#include "camera/detect/labels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#define FILE_LIMIT ((size_t)1 << 20)

static const char coco[] =
        "person\nbicycle\ncar\nmotorcycle\nairplane\nbus\ntrain\ntruck\nboat\ntraffic light\n"
        "fire hydrant\nstop sign\nparking meter\nbench\nbird\ncat\ndog\nhorse\nsheep\ncow\n"
        "elephant\nbear\nzebra\ngiraffe\nbackpack\numbrella\nhandbag\ntie\nsuitcase\nfrisbee\n"
        "skis\nsnowboard\nsports ball\nkite\nbaseball bat\nbaseball glove\nskateboard\n"
        "surfboard\ntennis racket\nbottle\nwine glass\ncup\nfork\nknife\nspoon\nbowl\nbanana\n"
        "apple\nsandwich\norange\nbroccoli\ncarrot\nhot dog\npizza\ndonut\ncake\nchair\ncouch\n"
        "potted plant\nbed\ndining table\ntoilet\ntv\nlaptop\nmouse\nremote\nkeyboard\n"
        "cell phone\nmicrowave\noven\ntoaster\nsink\nrefrigerator\nbook\nclock\nvase\nscissors\n"
        "teddy bear\nhair drier\ntoothbrush\n";

void labels_deinit(struct labels *labels)
{
        for (size_t i = 0; i < labels->count; i++)
                free(labels->names[i]);
        free(labels->names);
        *labels = LABELS_INIT;
}

static int add(struct labels *labels, const char *name, size_t size, struct reason *reason)
{
        if (size == 0 || size > LABEL_LENGTH_MAX || !utf8_is_valid(name, size)) {
                reason_set(reason, "label %zu is empty, longer than %d bytes, or no UTF-8 text",
                           labels->count, LABEL_LENGTH_MAX);
                return LABELS_E_BAD;
        }
        if (labels->count == LABELS_MAX) {
                reason_set(reason, "there are more than %d labels", LABELS_MAX);
                return LABELS_E_BAD;
        }
        labels->names = mem_resize(labels->names, labels->count + 1, sizeof(*labels->names));
        labels->names[labels->count++] = mem_text_n(name, size);
        return 0;
}

/* --- a Python dictionary ------------------------------------------------------------------- */

static const char *skip_blanks(const char *text)
{
        return text + strspn(text, " \t\r\n");
}

/* Reads `'text'` or `"text"`, with Python's escapes of quotes and backslashes. NULL if it is none.
 */
static const char *read_quoted(const char *text, struct buf *out)
{
        char quote = *text;

        if (quote != '\'' && quote != '"')
                return NULL;
        for (text++; *text && *text != quote; text++) {
                if (*text == '\\' && (text[1] == '\\' || text[1] == '\'' || text[1] == '"'))
                        text++;
                buf_add_char(out, *text);
        }
        return *text == quote ? text + 1 : NULL;
}

/* Reads the number that the next name must have, and its colon. NULL if it is another one. */
static const char *read_index(const char *text, size_t expected)
{
        char *end;
        unsigned long index;

        if (*text < '0' || *text > '9')
                return NULL;
        index = strtoul(text, &end, 10);
        text = skip_blanks(end);
        return index == expected && *text == ':' ? skip_blanks(text + 1) : NULL;
}

static const char *read_entry(const char *text, bool is_list, struct labels *labels,
                              struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        const char *rest = is_list ? text : read_index(text, labels->count);

        if (rest)
                rest = read_quoted(rest, &name);
        if (!rest) {
                reason_set(reason, "the model's `names` are not understood at: %.40s", text);
                return NULL;
        }
        return add(labels, buf_text(&name), name.size, reason) == 0 ? skip_blanks(rest) : NULL;
}

int labels_read_metadata(const char *text, struct labels *labels, struct reason *reason)
{
        const char *at = skip_blanks(text);
        bool is_list = *at == '[';
        char end = is_list ? ']' : '}';

        if (!is_list && *at != '{') {
                reason_set(reason, "the model's `names` are no dictionary and no list: %.40s",
                           text);
                return LABELS_E_BAD;
        }
        at = skip_blanks(at + 1);
        while (*at != end) {
                at = read_entry(at, is_list, labels, reason);
                if (!at)
                        return LABELS_E_BAD;
                if (*at == ',')
                        at = skip_blanks(at + 1);
                else if (*at != end) {
                        reason_set(reason, "the model's `names` are not understood at: %.40s", at);
                        return LABELS_E_BAD;
                }
        }
        if (labels->count > 0 && *skip_blanks(at + 1) == '\0')
                return 0;
        reason_set(reason, "the model's `names` are empty, or more follows them");
        return LABELS_E_BAD;
}

/* --- lines --------------------------------------------------------------------------------- */

static int read_lines(const char *text, size_t size, struct labels *labels, struct reason *reason)
{
        const char *end = text + size;

        while (end > text && strchr(" \t\r\n", end[-1]))
                end--;
        while (text < end) {
                const char *stop = memchr(text, '\n', (size_t)(end - text));
                const char *next = stop ? stop + 1 : end;
                int result;

                if (!stop)
                        stop = end;
                if (stop > text && stop[-1] == '\r')
                        stop--;
                result = add(labels, text, (size_t)(stop - text), reason);
                if (result != 0)
                        return result;
                text = next;
        }
        if (labels->count > 0)
                return 0;
        reason_set(reason, "there is no label in it");
        return LABELS_E_BAD;
}

int labels_read_file(const char *path, struct labels *labels, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int result = file_read(path, FILE_LIMIT, &text, reason);

        if (result != 0)
                return LABELS_E_BAD;
        result = read_lines(buf_text(&text), text.size, labels, reason);
        if (result != 0)
                reason_prefix(reason, "%s", path);
        return result;
}

void labels_coco(struct labels *labels)
{
        struct reason reason;

        if (read_lines(coco, sizeof(coco) - 1, labels, &reason) != 0)
                abort(); /* the text above is wrong */
}
