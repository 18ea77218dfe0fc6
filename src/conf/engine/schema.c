// SPDX-License-Identifier: MIT
#include "conf/engine/schema.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Spellings may lead to one another this often. */
#define SPELLING_STEPS_MAX 6

const char *const conf_via_names[CONF_VIA_COUNT] = {
        [CONF_VIA_FILE] = "File",
        [CONF_VIA_ENV] = "Env",
        [CONF_VIA_CREDENTIAL] = "Credential",
        [CONF_VIA_KEY_VAULT] = "KeyVault",
};

struct part {
        const char *text;
        size_t size;
};

/* The part at `*pattern`, which moves behind it; of size 0 at the end. */
static struct part next_part(const char **pattern)
{
        struct part part = {.text = *pattern, .size = strcspn(*pattern, ".")};

        *pattern += part.size + ((*pattern)[part.size] == '.' ? 1 : 0);
        return part;
}

/* What the star of a part stands for in a name; the whole name's end without a star. Or NULL. */
static const char *match_part(struct part part, const char *name)
{
        bool star = part.text[part.size - 1] == '*';
        size_t fixed = part.size - (star ? 1 : 0);

        if (strncasecmp(part.text, name, fixed) != 0 || strlen(name) < fixed)
                return NULL;
        return star || name[fixed] == '\0' ? name + fixed : NULL;
}

struct walk {
        const char *captures[CONF_CAPTURES_MAX];
        size_t capture_count;
        size_t matched; /* parts that agree */
        bool whole;     /* the pattern ended there */
};

static struct walk walk_pattern(const char *pattern, const struct conf_names *names)
{
        struct walk walk = {.matched = 0};

        while (*pattern && walk.matched < names->depth) {
                struct part part = next_part(&pattern);
                const char *rest = match_part(part, names->parts[walk.matched]);

                if (!rest)
                        return walk;
                if (part.text[part.size - 1] == '*' && walk.capture_count < CONF_CAPTURES_MAX)
                        walk.captures[walk.capture_count++] = rest;
                walk.matched++;
        }
        walk.whole = *pattern == '\0';
        return walk;
}

static size_t count_parts(const char *pattern)
{
        size_t count = 0;

        for (; *pattern; count++)
                next_part(&pattern);
        return count;
}

/* Adds the parts of a pattern with the captures in place of its stars. */
static bool fill_pattern(struct conf_names *names, const char *pattern, const struct walk *walk)
{
        size_t capture = 0;
        bool fits = true;

        while (fits && *pattern) {
                struct part part = next_part(&pattern);

                if (part.text[part.size - 1] == '*' && capture < walk->capture_count) {
                        fits = conf_names_add(names, walk->captures[capture],
                                              strlen(walk->captures[capture]));
                        capture++;
                } else {
                        fits = conf_names_add(names, part.text, part.size);
                }
        }
        return fits;
}

/* One step from another spelling towards ours: the longest one that fits. */
static bool respell(const struct conf_schema *schema, struct conf_names *names)
{
        const struct conf_spelling *best = NULL;
        struct walk walk = {.matched = 0};
        struct conf_names made = {.depth = 0};
        bool fits;

        for (size_t i = 0; schema->spellings[i].from; i++) {
                struct walk tried = walk_pattern(schema->spellings[i].from, names);

                if (tried.whole && tried.matched > walk.matched) {
                        walk = tried;
                        best = &schema->spellings[i];
                }
        }
        if (!best)
                return false;
        fits = fill_pattern(&made, best->to, &walk);
        for (size_t i = walk.matched; fits && i < names->depth; i++)
                fits = conf_names_add(&made, names->parts[i], strlen(names->parts[i]));
        if (!fits) {
                conf_names_deinit(&made);
                return false;
        }
        conf_names_deinit(names);
        *names = made;
        return true;
}

void conf_schema_spell(const struct conf_schema *schema, const struct conf_names *written,
                       struct conf_names *own)
{
        conf_names_copy(own, written);
        for (int i = 0; i < SPELLING_STEPS_MAX && respell(schema, own); i++)
                ;
}

bool conf_row_is_list(const struct conf_row *row)
{
        return row->kind == CONF_TEXTS || row->kind == CONF_INPUT_FILES ||
               row->kind == CONF_CHOICES ||
               (row->map && row->map->list && !conf_row_is_of_item(row));
}

bool conf_row_is_of_item(const struct conf_row *row)
{
        return row->map && row->map->list && strchr(row->path, '*');
}

void conf_row_write_choices(const struct conf_row *row, struct buf *out)
{
        int before = INT32_MIN;

        for (const struct conf_choice *choice = row->choices; choice->name; choice++) {
                if (choice->value != before)
                        buf_add_format(out, "%s%s", before == INT32_MIN ? "" : ", ", choice->name);
                before = choice->value;
        }
}

/* "0", "1", ...: one name for each place. */
static bool is_index(const char *text)
{
        int64_t index;

        return text_to_int64(text, 0, CONF_ENTRIES_MAX, &index) &&
               (text[0] != '0' || text[1] == '\0');
}

/* What may follow a row's own path: a list's index, then where a secret is. */
static bool match_rest(const struct conf_names *names, size_t at, struct conf_match *match)
{
        match->index = -1;
        match->via = CONF_PLAIN;
        if (at < names->depth && conf_row_is_list(match->row) &&
            text_to_int64(names->parts[at], 0, CONF_ENTRIES_MAX, &match->index))
                at++;
        for (int via = 0; via < CONF_VIA_COUNT && at < names->depth && match->row->secret; via++) {
                if (text_equal_nocase(names->parts[at], conf_via_names[via]))
                        match->via = (enum conf_via)via;
        }
        at += match->via == CONF_PLAIN ? 0 : 1;
        return at == names->depth;
}

bool conf_schema_match(const struct conf_schema *schema, const struct conf_names *own,
                       struct conf_match *match)
{
        for (size_t i = 0; i < schema->row_count; i++) {
                struct walk walk = walk_pattern(schema->rows[i].path, own);

                if (!walk.whole || walk.matched == 0 ||
                    (conf_row_is_of_item(&schema->rows[i]) && !is_index(walk.captures[0])))
                        continue;
                match->row = &schema->rows[i];
                match->capture_count = walk.capture_count;
                memcpy(match->captures, walk.captures, sizeof(match->captures));
                if (match_rest(own, walk.matched, match))
                        return true;
        }
        return false;
}

/* What of a pattern is behind its last star; the whole where it has none. */
static const char *behind_stars(const char *pattern)
{
        const char *star = strrchr(pattern, '*');

        return star ? star + (star[1] == '.' ? 2 : 1) : pattern;
}

bool conf_schema_find_item(const struct conf_schema *schema, const struct conf_names *own,
                           struct conf_match *match)
{
        for (size_t i = 0; i < schema->row_count; i++) {
                const struct conf_row *row = &schema->rows[i];
                struct walk walk = walk_pattern(row->path, own);
                size_t members = count_parts(behind_stars(row->path));

                if (!row->map || row->map->list || walk.matched != own->depth || members == 0 ||
                    walk.matched + members != count_parts(row->path))
                        continue;
                *match = (struct conf_match){
                        .row = row, .capture_count = walk.capture_count, .index = CONF_ITEM};
                memcpy(match->captures, walk.captures, sizeof(match->captures));
                return true;
        }
        return false;
}

static bool lies_below(const char *pattern, const struct conf_names *names)
{
        struct walk walk = walk_pattern(pattern, names);

        return walk.matched == names->depth && !walk.whole;
}

bool conf_schema_is_section(const struct conf_schema *schema, const struct conf_names *names)
{
        for (size_t i = 0; i < schema->row_count; i++) {
                if (lies_below(schema->rows[i].path, names))
                        return true;
        }
        for (size_t i = 0; schema->spellings[i].from; i++) {
                if (lies_below(schema->spellings[i].from, names))
                        return true;
        }
        for (size_t i = 0; schema->ignored[i].path; i++) {
                if (lies_below(schema->ignored[i].path, names))
                        return true;
        }
        return false;
}

bool conf_schema_is_item(const struct conf_schema *schema, const struct conf_names *own)
{
        for (size_t i = 0; i < schema->row_count; i++) {
                if (conf_row_is_of_item(&schema->rows[i]) &&
                    walk_pattern(schema->rows[i].path, own).capture_count > 0)
                        return true;
        }
        return false;
}

const struct conf_ignored *conf_schema_find_ignored(const struct conf_schema *schema,
                                                    const struct conf_names *own)
{
        for (size_t i = 0; schema->ignored[i].path; i++) {
                if (walk_pattern(schema->ignored[i].path, own).whole)
                        return &schema->ignored[i];
        }
        return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
        size_t least = a < b ? a : b;

        return least < c ? least : c;
}

static bool same_letter(char a, char b)
{
        return strncasecmp(&a, &b, 1) == 0;
}

/* Letters to add, drop or change between a part and a name, in any case (Levenshtein). */
static size_t distance(struct part part, const char *name)
{
        size_t row[64];
        size_t length = strlen(name);

        if (part.size >= ARRAY_SIZE(row) || length >= ARRAY_SIZE(row))
                return SIZE_MAX;
        for (size_t j = 0; j <= part.size; j++)
                row[j] = j;
        for (size_t i = 1; i <= length; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= part.size; j++) {
                        size_t above = row[j];
                        size_t change = same_letter(part.text[j - 1], name[i - 1]) ? 0 : 1;

                        row[j] = smallest(row[j] + 1, row[j - 1] + 1, diagonal + change);
                        diagonal = above;
                }
        }
        return row[part.size];
}

struct candidate {
        struct part part;
        size_t distance;
};

/* Looks whether the pattern has, beside the unknown name, one that is nearer to it. */
static void consider(const char *pattern, const struct conf_names *own, struct candidate *best)
{
        size_t parent = own->depth - 1;
        struct walk walk = walk_pattern(pattern, own);
        struct part part = {.size = 0};
        size_t near;

        if (walk.matched != parent || count_parts(pattern) <= parent)
                return;
        for (size_t i = 0; i <= parent; i++)
                part = next_part(&pattern);
        if (part.text[part.size - 1] == '*')
                return;
        near = distance(part, own->parts[parent]);
        if (near < best->distance)
                *best = (struct candidate){.part = part, .distance = near};
}

/* A row whose last name this is, somewhere else. */
static const char *find_elsewhere(const struct conf_schema *schema, const char *name)
{
        for (size_t i = 0; i < schema->row_count; i++) {
                const char *dot = strrchr(schema->rows[i].path, '.');

                if (dot && text_equal_nocase(dot + 1, name))
                        return schema->rows[i].path;
        }
        return NULL;
}

void conf_schema_suggest(const struct conf_schema *schema, const struct conf_names *own,
                         struct reason *hint)
{
        const char *name = own->parts[own->depth - 1];
        size_t allowed = strlen(name) / 3 + 1;
        struct candidate best = {.distance = SIZE_MAX};
        const char *elsewhere;

        for (size_t i = 0; i < schema->row_count; i++)
                consider(schema->rows[i].path, own, &best);
        for (size_t i = 0; schema->spellings[i].from; i++)
                consider(schema->spellings[i].from, own, &best);
        elsewhere = find_elsewhere(schema, name);
        if (best.distance <= allowed)
                reason_set(hint, "; did you mean '%.*s'?", (int)best.part.size, best.part.text);
        else if (elsewhere)
                reason_set(hint, "; '%s' is known", elsewhere);
        else
                reason_set(hint, "%s", "");
}

void conf_schema_write_path(const struct conf_row *row, const char *const *captures, int64_t index,
                            struct buf *out)
{
        const char *pattern = row->path;
        size_t capture = 0;

        while (*pattern) {
                struct part part = next_part(&pattern);

                if (out->size > 0)
                        buf_add_char(out, '.');
                if (part.text[part.size - 1] == '*')
                        buf_add_text(out, captures[capture++]);
                else
                        buf_add(out, part.text, part.size);
        }
        if (index >= 0)
                buf_add_format(out, ".%lld", (long long)index);
}
