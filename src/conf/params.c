/*
 * The generated table of parameters, and searching it.
 *
 * Texts are offsets into one string, so that the table needs no relocations
 * in programs that are started often.
 */
#include "conf/params.h"

#include "conf/params.gen.h"
#include "util/attributes.h"

#define PARAM_ALL          UINT64_MAX
#define PARAM_PROGRAM(bit) (UINT64_C(1) << (bit))

struct param_row {
    uint32_t name, text;
    uint32_t offset;
    int64_t min, max, number;
    uint8_t type;
    char unit;
    uint16_t flags;
    uint64_t used; /* a bit a program of param_programs */
};

#include "conf/params_table.gen.h"

static const char *name_of(size_t i)
{
    return param_texts + param_rows[i].name;
}

size_t params_count(void)
{
    return COUNT(param_rows);
}

struct param param_at(size_t i)
{
    const struct param_row *row = &param_rows[i];

    return (struct param){
        .name = name_of(i),
        .text = param_texts + row->text,
        .type = row->type,
        .flags = row->flags,
        .unit = row->unit,
        .min = row->min,
        .max = row->max,
        .number = row->number,
        .offset = row->offset,
    };
}

size_t param_row(struct str name)
{
    size_t low = 0, high = COUNT(param_rows);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(name, str_of(name_of(middle)));

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return COUNT(param_rows);
}

bool param_find(struct str name, struct param *ret)
{
    size_t row = param_row(name);

    if (row == COUNT(param_rows))
        return false;
    *ret = param_at(row);
    return true;
}

#define FAMILY_START                                                                     \
    "<service>_" /* sorts before every other name that is not a digit                    \
                  */

static bool is_family(size_t i)
{
    return (param_rows[i].flags & PARAM_FAMILY) != 0;
}

bool param_family(struct str name, struct param *ret, struct str *ret_service)
{
    for (size_t i = 0; i < COUNT(param_rows); i++) {
        struct str suffix = str_tail(str_of(name_of(i)), strlen(FAMILY_START) - 1);

        if (!is_family(i) || name.n <= suffix.n ||
            !str_eq(str_tail(name, name.n - suffix.n), suffix))
            continue;
        *ret = param_at(i);
        *ret_service = str_head(name, name.n - suffix.n);
        return true;
    }
    return false;
}

bool param_family_of(const char *suffix, struct param *ret)
{
    for (size_t i = 0; i < COUNT(param_rows); i++)
        if (is_family(i) && strcmp(name_of(i) + strlen(FAMILY_START), suffix) == 0) {
            *ret = param_at(i);
            return true;
        }
    return false;
}

const char *param_instead_of(const char *name)
{
    const char *instead;

    for (const char *p = param_instead; *p != '\0'; p = instead + strlen(instead) + 1) {
        instead = p + strlen(p) + 1;
        if (strcmp(p, name) == 0)
            return instead;
    }
    return NULL;
}

uint64_t params_program(const char *program)
{
    unsigned bit = 0;

    for (const char *p = param_programs; *p != '\0'; p += strlen(p) + 1, bit++)
        if (strcmp(p, program) == 0)
            return PARAM_PROGRAM(bit);
    return 0;
}

bool param_is_used(size_t i, uint64_t program)
{
    return param_rows[i].used == PARAM_ALL || (param_rows[i].used & program) != 0;
}

bool param_is_used_by(const char *name, uint64_t program)
{
    struct param family;
    struct str service;
    size_t row = param_row(str_of(name));

    if (row == COUNT(param_rows) && param_family(str_of(name), &family, &service))
        row = param_row(str_of(family.name));
    return row < COUNT(param_rows) && param_is_used(row, program);
}
