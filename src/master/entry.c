/*
 * Entries: who waits for the next client. While a process is idle it does,
 * and master sleeps. When none is (not started yet, all died or ended), master
 * watches the sockets and starts a process at the first client. When the last
 * idle process takes a client, it wakes master, which starts a spare one.
 */
#include "master/entry.h"

#include "master/children.h"
#include "util/log.h"
#include "util/platform.h"
#include "util/wait.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STRESS_MS =
        1000 * 1000, /* stress=yes lasts so long after the last time that all were busy */
    WARN_MS = 1000 * 1000, /* between two warnings of that */
};

int entry_alive(const struct entry *entry)
{
    int alive = 0;

    for (const struct crew *crew = entry->crew; crew; crew = crew->older)
        alive += crew->alive;
    return alive;
}

static bool is_full(const struct entry *entry)
{
    int limit = entry->line->process_limit;

    return entry_alive(entry) >= (limit > 0 ? limit : SCOREBOARD_SLOTS_UNLIMITED);
}

static void unwatch(struct entry *entry)
{
    if (!entry->watched)
        return;
    for (size_t i = 0; i < entry->listener.n; i++)
        loop_unwatch(entry->master->loop, entry->listener.fds[i]);
    entry->watched = false;
}

static void client_came(void *context, int fd, int events)
{
    struct entry *entry = context;

    (void)fd, (void)events;
    entry->used = true;
    entry_start_one(entry);
}

static void watch(struct entry *entry)
{
    struct fail why;

    if (entry->watched)
        return;
    for (size_t i = 0; i < entry->listener.n; i++)
        if (loop_watch(entry->master->loop, entry->listener.fds[i], LOOP_READ,
                       client_came, entry, &why) < 0)
            fatal("service %s: %s", entry->key, why.text);
    entry->watched = true;
}

void entry_review(struct entry *entry)
{
    bool resting = entry->throttle || entry->master->stopping;

    if (resting || is_full(entry) || crew_available(entry->crew) > 0)
        unwatch(entry);
    else
        watch(entry);
}

/* All processes that may run do: the next client has to wait. */
static void reached_limit(struct entry *entry)
{
    int64_t now = loop_now_ms(entry->master->loop);

    entry->stressed_until_ms = now + STRESS_MS;
    if (entry->warned_ms != 0 && now - entry->warned_ms < WARN_MS)
        return;
    entry->warned_ms = now;
    log_warning(
        "service \"%s\" (%s) has reached its process limit \"%d\": new clients may "
        "experience noticeable delays",
        entry->line->name, entry->listener.port, entry->line->process_limit);
    log_warning("to avoid this condition, increase the process count in master.cf or "
                "reduce the service time per client");
}

static bool may_start(const struct entry *entry)
{
    return !entry->throttle && !entry->master->stopping && !is_full(entry);
}

static void start(struct entry *entry)
{
    struct fail why;

    if (entry->line->type == MASTER_INET && entry->line->process_limit > 1 &&
        entry_alive(entry) + 1 == entry->line->process_limit)
        reached_limit(entry);
    if (children_start(entry, &why) < 0) {
        log_warning("%s -- throttling", why.text);
        entry_throttle(entry);
    }
}

void entry_start_one(struct entry *entry)
{
    if (may_start(entry) && crew_available(entry->crew) == 0)
        start(entry);
    entry_review(entry);
}

static void last_idle_took_client(void *context, int fd, int events)
{
    struct entry *entry = context;

    (void)events;
    platform_take_wake(fd);
    entry->used = true;
    entry_start_one(entry);
}

static void rested(void *context)
{
    struct entry *entry = context;

    entry->throttle = NULL;
    entry_review(entry);
}

void entry_throttle(struct entry *entry)
{
    int64_t delay_ms =
        (int64_t)entry->master->settings.conf->service_throttle_time * 1000;

    if (entry->throttle == NULL)
        entry->throttle = loop_timer(entry->master->loop, delay_ms, rested, entry);
}

/* --- wake-up ---------------------------------------------------------------------- */

static void wake_up(void *context)
{
    struct entry *entry = context;

    entry->wakeup = loop_timer(entry->master->loop, (int64_t)entry->line->wakeup * 1000,
                               wake_up, entry);
    if (entry->throttle == NULL && (entry->used || !entry->line->wakeup_if_used))
        listener_poke(&entry->listener, entry->line->type, 'W');
}

void entry_start_wakeup(struct entry *entry)
{
    loop_cancel(entry->master->loop, entry->wakeup);
    entry->wakeup = NULL;
    if (entry->line->wakeup > 0)
        entry->wakeup = loop_timer(entry->master->loop, 0, wake_up, entry);
}

/* --- configuration ------------------------------------------------------------------ */

/* A new crew for the settings in force; the one before is told to retire. */
static int renew_crew(struct entry *entry, struct fail *why)
{
    struct master *master = entry->master;
    struct crew *crew =
        crew_new(entry, entry->line->process_limit, master->generation, why);

    if (crew == NULL)
        return -1;
    if (loop_watch(master->loop, crew->wake_fd, LOOP_READ, last_idle_took_client, entry,
                   why) < 0) {
        crew_free(crew);
        return -1;
    }
    if (entry->crew) {
        loop_unwatch(master->loop, entry->crew->wake_fd);
        crew_retire(entry->crew);
    }
    crew->older = entry->crew;
    entry->crew = crew;
    atomic_store(&crew->board->total, entry_alive(entry));
    return 0;
}

static struct entry *find(struct master *master, const char *key)
{
    for (struct entry *entry = master->entries; entry; entry = entry->next)
        if (strcmp(entry->key, key) == 0)
            return entry;
    return NULL;
}

static struct entry *add_entry(struct master *master, const struct master_service *line,
                               const char *key, struct fail *why)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL)
        fatal("out of memory: service %s", key);
    *entry = (struct entry){.master = master, .line = line, .key = strdup(key)};
    if (listener_open(&entry->listener, line, master->settings.conf, why) < 0) {
        free(entry->key);
        free(entry);
        return NULL;
    }
    entry->next = master->entries;
    master->entries = entry;
    return entry;
}

static void free_entry(struct entry *entry)
{
    struct loop *loop = entry->master->loop;

    unwatch(entry);
    loop_cancel(loop, entry->throttle);
    loop_cancel(loop, entry->wakeup);
    listener_remove(&entry->listener);
    free(entry->key);
    free(entry);
}

/* The processes of a dropped entry retire; the last one to end takes its crew along. */
static void drop_entry(struct entry *entry)
{
    for (struct crew *crew = entry->crew, *older; crew; crew = older) {
        older = crew->older;
        loop_unwatch(entry->master->loop, crew->wake_fd);
        crew_retire(crew);
        crew->entry = NULL;
        if (crew->alive == 0)
            crew_free(crew);
    }
    free_entry(entry);
}

static bool client_waits(const struct entry *entry)
{
    for (size_t i = 0; i < entry->listener.n; i++)
        if (wait_one(entry->listener.fds[i], POLLIN, 0) > 0)
            return true;
    return false;
}

void entry_lost_process(struct entry *entry, struct crew *crew,
                        const struct crew_death *death)
{
    struct crew **link = &entry->crew->older;

    if (crew != entry->crew && crew->alive == 0) {
        while (*link != crew)
            link = &(*link)->older;
        *link = crew->older;
        crew_free(crew);
    }
    atomic_store(&entry->crew->board->total, entry_alive(entry));
    /* It may have been woken for a client that it then did not take, and of those that
     * sleep nobody hears of that client. A new process looks when it comes. */
    if (death->waited && may_start(entry) && crew_starting(entry->crew) == 0 &&
        client_waits(entry))
        start(entry);
    entry_review(entry);
}

static void drop_unwanted(struct master *master)
{
    struct entry **link = &master->entries, *entry;

    while ((entry = *link) != NULL) {
        if (entry->wanted) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        drop_entry(entry);
    }
}

/* "name/type" or "name.type", "type", "!..."; the first pattern that matches decides. */
static bool is_disabled(const struct conf *conf, const struct master_service *line)
{
    struct str rest = str_of(conf->master_service_disable), pattern;
    const char *type = master_type_text(line->type);
    char whole[500], dotted[500];

    snprintf(whole, sizeof(whole), "%s/%s", line->name, type);
    snprintf(dotted, sizeof(dotted), "%s.%s", line->name, type);
    while ((pattern = str_word(&rest, ", \t\r\n")).n > 0) {
        bool negated = pattern.p[0] == '!';

        pattern = str_tail(pattern, negated);
        if (str_is_nocase(pattern, type) || str_is_nocase(pattern, whole) ||
            str_is_nocase(pattern, dotted))
            return !negated;
    }
    return false;
}

static int apply_line(struct master *master, const struct master_service *line,
                      struct fail *why)
{
    char key[500];
    struct entry *entry;

    snprintf(key, sizeof(key), "%s.%s", master_type_text(line->type), line->name);
    entry = find(master, key);
    if (entry == NULL && (entry = add_entry(master, line, key, why)) == NULL)
        return -1;
    entry->line = line;
    entry->wanted = true;
    loop_cancel(master->loop, entry->throttle); /* whoever reloads has repaired it */
    entry->throttle = NULL;
    if (!listener_is_current(&entry->listener, line, master->settings.conf))
        log_warning(
            "service %s: to change inet_interfaces or inet_protocols, stop and start "
            "the mail system",
            key);
    if (renew_crew(entry, why) == 0)
        return 0;
    entry->wanted = entry->crew != NULL; /* the old crew serves on */
    return -1;
}

/* The field "private" moved a socket to the other directory: a new entry in fact. */
static void forget_moved(struct master *master, const struct master_service *line)
{
    for (struct entry *entry = master->entries; entry; entry = entry->next)
        if (entry->line->type == line->type &&
            strcmp(entry->line->name, line->name) == 0 &&
            entry->line->private != line->private)
            entry->key[0] = '\0'; /* no line finds it any more */
}

void entries_apply(struct master *master, bool strict)
{
    const struct master_cf *cf = &master->settings.master_cf;
    struct fail why;

    for (struct entry *entry = master->entries; entry; entry = entry->next)
        entry->wanted = false;
    for (size_t i = 0; i < cf->n; i++)
        forget_moved(master, &cf->services[i]);
    for (size_t i = 0; i < cf->n; i++) {
        if (is_disabled(master->settings.conf, &cf->services[i]))
            continue;
        if (apply_line(master, &cf->services[i], &why) == 0)
            continue;
        fail_prefix(&why, "%s, line %d", cf->path, cf->services[i].line);
        if (strict)
            fatal("%s", why.text);
        log_error("%s: service %s is not available", why.text, cf->services[i].name);
    }
    drop_unwanted(master);
    for (struct entry *entry = master->entries; entry; entry = entry->next) {
        entry_review(entry);
        entry_start_wakeup(entry);
    }
}

bool entry_is_log(const struct entry *entry)
{
    return entry->line->type == MASTER_UNIX_DGRAM &&
           strcmp(entry->line->name,
                  entry->master->settings.conf->postlog_service_name) == 0;
}

void entries_let_log_end(struct master *master)
{
    for (struct entry *entry = master->entries; entry; entry = entry->next) {
        if (!entry_is_log(entry) ||
            map_count(master->children) != (size_t)entry_alive(entry))
            continue;
        for (struct crew *crew = entry->crew; crew; crew = crew->older)
            crew_retire(crew);
    }
}

void entries_close(struct master *master)
{
    for (struct entry *entry = master->entries, *next; entry; entry = next) {
        next = entry->next;
        drop_entry(entry);
    }
    master->entries = NULL;
}
