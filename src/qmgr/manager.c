/*
 * Sets up the queue manager's state, and takes it down.
 */
#include "qmgr/manager.h"

#include "conf/mail_settings.h"
#include "qmgr/message.h"
#include "qmgr/reporter.h"
#include "qmgr/resolver.h"
#include "qmgr/scanner.h"
#include "qmgr/transport.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/platform.h"

#include <sys/resource.h>

enum {
    FILES_WANTED = 32768, /* descriptors, when the system gives that many */
    FILES_OTHERS = 100,   /* log, sockets */
    FILES_LEAST = FILES_OTHERS / 2,
    PEAK_LEAST = 2000, /* active messages: fewer are not worth a trim */
};

/* Half of the descriptors may be queue files; agents need one each. */
static size_t files_allowed(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return FILES_LEAST;
    if (limit.rlim_cur < FILES_WANTED) {
        limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < FILES_OTHERS + 2 * FILES_LEAST)
        return FILES_LEAST;
    return ((size_t)limit.rlim_cur - FILES_OTHERS) / 2;
}

struct manager *manager_new(const struct conf *conf, struct loop *loop,
                            struct arena *arena)
{
    struct manager *manager = MEMORY_NEW(struct manager);

    *manager = (struct manager){
        .conf = conf,
        .loop = loop,
        .messages = map_new(),
        .transports = map_new(),
        .files_max = files_allowed(),
        .log_style = conf_log_style(conf),
    };
    spool_init(&manager->spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    texts_split(&manager->defer_transports, arena, str_of(conf->defer_transports),
                ", \t\r\n");
    manager->resolver = resolver_new(manager);
    manager->reporter = reporter_new(manager);
    return manager;
}

static void collect_message(void *context, struct str key, void *value)
{
    (void)context, (void)key;
    message_free(value);
}

void manager_free(struct manager *manager)
{
    if (!manager)
        return;
    scanner_free(manager->scanner);
    manager->scanner = NULL;
    manager->retiring = true;
    reporter_free(manager->reporter);
    resolver_free(manager->resolver);
    map_free(manager->transports, transport_free);
    map_each(manager->messages, collect_message, NULL);
    map_free(manager->messages, NULL);
    free(manager);
}

/* After a flood: a daemon that runs for months does not keep what it took. */
static void give_back_memory(struct manager *manager)
{
    const size_t n = map_count(manager->messages);

    if (n >= manager->peak)
        manager->peak = n + 1;
    if (manager->peak < PEAK_LEAST || n > manager->peak / 8)
        return;
    platform_trim_memory();
    manager->peak = n;
}

void manager_strand(struct manager *manager, const char *id, const struct fail *reason)
{
    log_warning("%s: %s", id, reason->text);
    manager->stranded = true;
}

void manager_freed(struct manager *manager)
{
    give_back_memory(manager);
    if (manager->scanner)
        scanner_resume(manager->scanner);
}
