/*
 * A rough count, never less than the truth: what stands outside groups and brackets has
 * a weight of one, a group that of its parts, and a repetition multiplies what it
 * follows.
 */
#include "table/repetition.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    GROUPS_MAX = 200,   /* one in another */
    WEIGHT_MAX = 30000, /* some megabytes of regcomp's */
};

struct weight {
    uint64_t before; /* of what is complete */
    uint64_t last;   /* of what a repetition would repeat */
};

struct scan {
    struct weight groups[GROUPS_MAX];
    size_t depth;
    const char *at;
};

static void begin(struct scan *scan, uint64_t last)
{
    struct weight *here = &scan->groups[scan->depth];

    here->before += here->last;
    here->last = last;
}

static bool open_group(struct scan *scan)
{
    begin(scan, 0);
    if (++scan->depth == GROUPS_MAX)
        return false;
    scan->groups[scan->depth] = (struct weight){0};
    return true;
}

static void close_group(struct scan *scan)
{
    const struct weight *inner = &scan->groups[scan->depth];

    if (scan->depth == 0)
        return;
    scan->depth--;
    scan->groups[scan->depth].last = inner->before + inner->last + 1;
}

static uint64_t take_number(struct scan *scan)
{
    uint64_t n = 0;

    for (; *scan->at >= '0' && *scan->at <= '9'; scan->at++)
        if (n < WEIGHT_MAX)
            n = n * 10 + (uint64_t)(*scan->at - '0');
    return n;
}

/* "n}", "n,}" or "n,m}": as many copies as the larger, and one for what has no end. */
static void repeat_by_number(struct scan *scan)
{
    uint64_t most = take_number(scan), second = 0;

    if (*scan->at == ',') {
        scan->at++;
        second = take_number(scan);
    }
    scan->at += *scan->at == '\\';
    scan->at += *scan->at == '}';
    scan->groups[scan->depth].last *= (second > most ? second : most) + 1;
}

/* "[...]": "]" stands for itself at the beginning. */
static void skip_bracket(struct scan *scan)
{
    const char *start = scan->at + (*scan->at == '^'), *end;

    begin(scan, 1);
    end = *start ? strchr(start + 1, ']') : NULL;
    if (end)
        scan->at = end + 1;
}

static bool take_special(struct scan *scan, char c)
{
    switch (c) {
    case '(':
        return open_group(scan);
    case ')':
        close_group(scan);
        break;
    case '{':
        repeat_by_number(scan);
        break;
    case '+':
    case '*':
    case '?':
        scan->groups[scan->depth].last *= 2;
        break;
    default:
        begin(scan, 1);
        break;
    }
    return true;
}

bool repetition_is_too_much(const char *expression, bool extended)
{
    struct scan scan = {.at = expression};

    while (*scan.at) {
        bool escaped = scan.at[0] == '\\' && scan.at[1];
        char c = scan.at[escaped];

        scan.at += 1 + escaped;
        if (c == '[' && !escaped)
            skip_bracket(&scan);
        else if (escaped == extended) /* it stands for itself */
            begin(&scan, 1);
        else if (!take_special(&scan, c))
            return true;
        if (scan.groups[scan.depth].before + scan.groups[scan.depth].last > WEIGHT_MAX)
            return true;
    }
    return false;
}
