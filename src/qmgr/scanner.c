/*
 * Two directory scans that take turns, a file each, while there is room in
 * the active queue; new mail goes first when there is not.
 */
#include "qmgr/scanner.h"

#include "qmgr/admit.h"
#include "qmgr/clog.h"
#include "qmgr/transport.h"
#include "util/log.h"
#include "util/memory.h"

enum {
    FILES_A_STEP = 100,
    LOCKED_AGAIN_MS =
        1000, /* first look at files that were locked; then later and later */
    LOCKED_AGAIN_MAX_MS = 60000,
};

/* One queue, looked through. */
struct walk {
    const char *queue;
    struct spool_scan *scan; /* NULL = none is on */
    unsigned flags;          /* of this one */
    bool wanted;             /* another one is to follow */
    unsigned wanted_flags;
    bool met_locked;
};

struct scanner {
    struct manager *manager;
    struct walk incoming, deferred;
    struct loop_timer *step, *run, *locked;
    int64_t locked_delay_ms;
    bool behind; /* notices came that there was no room for */
};

/* --- flushing ------------------------------------------------------------------ */

static void unthrottle_destination(void *context, struct str key, void *value)
{
    (void)context, (void)key;
    destination_unthrottle(value);
}

static void unthrottle(void *context, struct str key, void *value)
{
    struct transport *transport = value;

    (void)context, (void)key;
    transport_unthrottle(transport);
    map_each(transport->destinations, unthrottle_destination, NULL);
}

static void forget_dead(struct manager *manager)
{
    map_each(manager->transports, unthrottle, NULL);
}

/* --- one queue ----------------------------------------------------------------- */

static void want(struct walk *walk, unsigned flags)
{
    walk->wanted = true;
    walk->wanted_flags |= flags;
}

static void end_walk(struct scanner *scanner, struct walk *walk)
{
    if (walk == &scanner->incoming && !walk->met_locked)
        scanner->locked_delay_ms = LOCKED_AGAIN_MS;
    walk->met_locked = false;
    spool_scan_free(walk->scan);
    walk->scan = NULL;
}

/* Is there something to look at? Begins a walk that is wanted. */
static bool is_on(struct walk *walk)
{
    struct fail why;

    if (walk->scan || !walk->wanted)
        return walk->scan != NULL;
    walk->wanted = false;
    walk->flags = walk->wanted_flags;
    walk->wanted_flags = 0;
    walk->scan = spool_scan_new(walk->queue, 0, &why);
    if (!walk->scan)
        log_warning("%s", why.text);
    return walk->scan != NULL;
}

static void retry_locked(void *context)
{
    struct scanner *scanner = context;

    scanner->locked = NULL;
    scanner_request(scanner, SCAN_INCOMING);
}

static void note_locked(struct scanner *scanner)
{
    if (scanner->locked)
        return;
    scanner->locked = loop_timer(scanner->manager->loop, scanner->locked_delay_ms,
                                 retry_locked, scanner);
    scanner->locked_delay_ms *= 2;
    if (scanner->locked_delay_ms > LOCKED_AGAIN_MAX_MS)
        scanner->locked_delay_ms = LOCKED_AGAIN_MAX_MS;
}

/* Look at the next file of a walk that is on. */
static void walk_on(struct scanner *scanner, struct walk *walk)
{
    const char *name, *path;
    struct fail why;
    unsigned flags = (walk->flags & SCAN_ANY_TIME ? ADMIT_ANY_TIME : 0) |
                     (walk->flags & SCAN_FLUSH ? ADMIT_FLUSH : 0);

    switch (spool_scan_next(walk->scan, &name, &path, &why)) {
    case 0:
        end_walk(scanner, walk);
        break;
    case 1:
        if (admit(scanner->manager, walk->queue, name, flags) == ADMIT_LOCKED &&
            walk == &scanner->incoming) {
            walk->met_locked = true;
            note_locked(scanner);
        }
        break;
    default:
        log_warning("%s", why.text);
    }
}

/* --- both ---------------------------------------------------------------------- */

static void step(void *context);

static void go_on(struct scanner *scanner)
{
    if (!scanner->step && (is_on(&scanner->incoming) || is_on(&scanner->deferred)))
        scanner->step = loop_timer(scanner->manager->loop, 0, step, scanner);
}

static void step(void *context)
{
    struct scanner *scanner = context;

    scanner->step = NULL;
    for (int i = 0; i < FILES_A_STEP; i++) {
        if (!manager_has_room(scanner->manager)) {
            clog_warn(scanner->manager);
            return; /* scanner_resume goes on */
        }
        if (is_on(&scanner->incoming))
            walk_on(scanner, &scanner->incoming);
        if (is_on(&scanner->deferred) && manager_has_room(scanner->manager))
            walk_on(scanner, &scanner->deferred);
    }
    go_on(scanner);
}

void scanner_resume(struct scanner *scanner)
{
    if (scanner->behind) {
        scanner->behind = false;
        want(&scanner->incoming, 0);
    }
    go_on(scanner);
}

void scanner_request(struct scanner *scanner, unsigned flags)
{
    if (flags & SCAN_FLUSH)
        forget_dead(scanner->manager);
    if (flags & SCAN_INCOMING)
        want(&scanner->incoming, flags);
    if (flags & SCAN_DEFERRED)
        want(&scanner->deferred, flags);
    go_on(scanner);
}

void scanner_trigger(struct scanner *scanner, struct str bytes)
{
    unsigned flags = 0;

    for (size_t i = 0; i < bytes.n; i++)
        switch (bytes.p[i]) {
        case 'I':
        case 'W':
            flags |= SCAN_INCOMING;
            break;
        case 'D':
            flags |= SCAN_DEFERRED;
            break;
        case 'A':
            flags |= SCAN_ANY_TIME;
            break;
        case 'F':
            flags |= SCAN_FLUSH;
            break;
        default: /* of a later version */
            break;
        }
    scanner_request(scanner, flags);
}

static void fall_behind(struct scanner *scanner)
{
    scanner->behind = true;
    clog_warn(scanner->manager);
}

void scanner_notice(struct scanner *scanner, const char *id)
{
    if (!queue_id_valid(str_of(id)))
        log_warning("notice of a message with an impossible name");
    else if (!manager_has_room(scanner->manager))
        fall_behind(scanner);
    else if (admit(scanner->manager, QUEUE_INCOMING, id, ADMIT_FRESH) == ADMIT_LOCKED)
        note_locked(scanner);
}

/* --- life ---------------------------------------------------------------------- */

/* Files that are in active/ and not in memory, or never left incoming/. */
static void take_up_stranded(struct scanner *scanner)
{
    struct manager *manager = scanner->manager;
    struct fail why;

    if (!manager->stranded)
        return;
    manager->stranded = false;
    if (scanner_recover(manager, &why) < 0) {
        log_warning("%s", why.text);
        manager->stranded = true;
    }
    scanner_request(scanner, SCAN_INCOMING);
}

static void queue_run(void *context)
{
    struct scanner *scanner = context;

    scanner->run =
        loop_timer(scanner->manager->loop,
                   scanner->manager->conf->queue_run_delay * 1000L, queue_run, scanner);
    take_up_stranded(scanner);
    scanner_request(scanner, SCAN_DEFERRED);
}

struct scanner *scanner_new(struct manager *manager)
{
    struct scanner *scanner = MEMORY_NEW(struct scanner);

    *scanner = (struct scanner){
        .manager = manager,
        .incoming = {.queue = QUEUE_INCOMING},
        .deferred = {.queue = QUEUE_DEFERRED},
        .locked_delay_ms = LOCKED_AGAIN_MS,
    };
    scanner->run = loop_timer(manager->loop, manager->conf->queue_run_delay * 1000L,
                              queue_run, scanner);
    scanner_request(scanner, SCAN_INCOMING | SCAN_DEFERRED);
    return scanner;
}

void scanner_free(struct scanner *scanner)
{
    if (!scanner)
        return;
    spool_scan_free(scanner->incoming.scan);
    spool_scan_free(scanner->deferred.scan);
    loop_cancel(scanner->manager->loop, scanner->step);
    loop_cancel(scanner->manager->loop, scanner->run);
    loop_cancel(scanner->manager->loop, scanner->locked);
    free(scanner);
}

int scanner_recover(struct manager *manager, struct fail *why)
{
    struct spool_scan *scan = spool_scan_new(QUEUE_ACTIVE, 0, why);
    const char *name, *path;
    int found, moved = 0;

    if (!scan)
        return -1;
    while (moved >= 0 && (found = spool_scan_next(scan, &name, &path, why)) > 0)
        if (!map_get(manager->messages, str_of(name)))
            moved = spool_move(&manager->spool, name, QUEUE_ACTIVE, QUEUE_INCOMING, why);
    spool_scan_free(scan);
    return moved < 0 || found < 0 ? -1 : 0;
}
