/*
 * The user database costs six system calls a name, or a talk with a server.
 * Mail comes in bursts, so who was found is remembered for a second; who was
 * not found is asked for again.
 */
#include "local/local.h"

#include "deliver/rights.h"
#include "util/memory.h"

enum { FRESH_MS = 1000 };

struct users {
    struct arena *arena;
    struct map *found;
    int64_t since_ms;
};

struct users *users_new(void)
{
    struct users *users = MEMORY_NEW(struct users);

    *users = (struct users){.arena = arena_new("users"), .found = map_new()};
    return users;
}

static void forget_old(struct users *users)
{
    int64_t now = clock_ms(&clock_system);

    if (now - users->since_ms < FRESH_MS)
        return;
    if (map_count(users->found) > 0) {
        map_free(users->found, NULL);
        users->found = map_new();
        arena_reset(users->arena);
    }
    users->since_ms = now;
}

static struct user copy_of(struct arena *arena, const struct user *user)
{
    return (struct user){
        .name = arena_copy(arena, user->name),
        .uid = user->uid,
        .gid = user->gid,
        .home = arena_copy(arena, user->home),
        .shell = arena_copy(arena, user->shell),
        .gecos = arena_copy(arena, user->gecos),
    };
}

int users_find(struct attempt *attempt, const char *name, struct user *ret,
               struct fail *why)
{
    struct users *users = attempt->agent->users;
    struct user *known;
    int found;

    forget_old(users);
    known = map_get(users->found, str_of(name));
    if (!known) {
        rights_give_back(attempt->delivery);
        found = user_by_name(name, attempt->arena, ret, why);
        if (found <= 0)
            return found;
        known = ARENA_NEW(users->arena, struct user);
        *known = copy_of(users->arena, ret);
        map_set(users->found, str_of(name), known);
    }
    *ret = copy_of(attempt->arena, known);
    return 1;
}
