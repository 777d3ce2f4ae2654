/*
 * All answers are forgotten together, when the oldest is a second old: no
 * times for each, and an arena that is reset.
 */
#include "ipc/answers.h"

#include "util/arena.h"
#include "util/map.h"
#include "util/memory.h"

enum { LIFE_MS = 1000, ANSWERS_MAX = 50000 };

struct answers {
    struct map *map; /* struct resolved, in the arena */
    struct arena *arena;
    int64_t end_ms;
};

struct answers *answers_new(void)
{
    struct answers *answers = MEMORY_NEW(struct answers);

    answers->map = map_new();
    answers->arena = arena_new("answers");
    return answers;
}

void answers_free(struct answers *answers)
{
    if (!answers)
        return;
    map_free(answers->map, NULL);
    arena_free(answers->arena);
    free(answers);
}

static void forget_old(struct answers *answers, int64_t now_ms)
{
    if (now_ms < answers->end_ms)
        return;
    answers->end_ms = now_ms + LIFE_MS;
    if (map_count(answers->map) == 0)
        return;
    map_free(answers->map, NULL);
    answers->map = map_new();
    arena_reset(answers->arena);
}

const struct resolved *answers_find(struct answers *answers, struct str key,
                                    int64_t now_ms)
{
    forget_old(answers, now_ms);
    return map_get(answers->map, key);
}

void answers_keep(struct answers *answers, struct str key, const struct resolved *answer,
                  int64_t now_ms)
{
    struct resolved *known;

    forget_old(answers, now_ms);
    if (answer->flags & RESOLVE_FAIL || map_count(answers->map) >= ANSWERS_MAX)
        return;
    known = ARENA_NEW(answers->arena, struct resolved);
    *known = (struct resolved){
        .flags = answer->flags,
        .transport = arena_copy(answers->arena, answer->transport),
        .nexthop = arena_copy(answers->arena, answer->nexthop),
        .recipient = arena_copy(answers->arena, answer->recipient),
    };
    map_set(answers->map, key, known);
}
