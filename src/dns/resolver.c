/*
 * The resolver: which servers, and waiting for a batch of questions. What
 * happens to each question is decided in query.c.
 */
#include "dns/resolver.h"

#include "dns/query.h"
#include "util/wait.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 5000 };

struct resolver {
    struct arena *own; /* of this struct */
    const char *path;  /* resolv.conf; NULL = the servers were given */
    struct dns_servers servers;
    struct arena *arena; /* of servers */
    const struct clock *clock;
    struct query_random random;
    unsigned options;
    struct dns_filter filter;

    bool looked;
    int64_t looked_ms;
    struct timespec modified; /* of the file that servers came from */
    size_t in_flight;         /* batches that use servers */
};

struct resolver *resolver_new(const char *path, const struct clock *clock)
{
    struct arena *own = arena_new("resolver");
    struct resolver *resolver = ARENA_NEW(own, struct resolver);

    resolver->own = own;
    resolver->path = arena_copy(own, path);
    resolver->clock = clock;
    resolver->arena = arena_new("name servers");
    return resolver;
}

struct resolver *resolver_new_with(const struct dns_servers *servers,
                                   const struct clock *clock)
{
    struct resolver *resolver = resolver_new(NULL, clock);

    resolver->servers = *servers;
    for (size_t i = 0; i < servers->n_search; i++)
        resolver->servers.search[i] = arena_copy(resolver->arena, servers->search[i]);
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    arena_free(resolver->arena);
    arena_free(resolver->own);
}

void resolver_set_options(struct resolver *resolver, unsigned options)
{
    resolver->options = options;
}

void resolver_set_filter(struct resolver *resolver, const struct dns_filter *filter)
{
    resolver->filter = *filter;
}

/* Read resolv.conf at first, and when it changed; without servers nothing can be asked.
 */
static int refresh(struct resolver *resolver)
{
    int64_t now_ms = clock_ms(resolver->clock);
    struct stat st = {0};

    if (resolver->path == NULL || resolver->in_flight > 0 ||
        (resolver->looked && now_ms - resolver->looked_ms < LOOK_AGAIN_MS))
        return resolver->servers.n > 0 ? 0 : -1;
    (void)!stat(resolver->path, &st);
    if (!resolver->looked || st.st_mtim.tv_sec != resolver->modified.tv_sec ||
        st.st_mtim.tv_nsec != resolver->modified.tv_nsec) {
        resolver->looked = false;
        resolver->servers.n = 0;
        arena_reset(resolver->arena);
        if (dns_servers_read(resolver->path, resolver->arena, &resolver->servers, NULL) <
            0)
            return -1;
    }
    resolver->looked = true;
    resolver->looked_ms = now_ms;
    resolver->modified = st.st_mtim;
    return 0;
}

struct dns_batch {
    struct resolver *resolver;
    struct dns_question *questions;
    size_t n_questions;
    struct query_world world;
    struct query *queries;
    size_t n;
};

struct dns_batch *dns_start(struct resolver *resolver, struct dns_question *questions,
                            size_t n, struct arena *arena)
{
    struct dns_batch *batch = ARENA_NEW(arena, struct dns_batch);
    bool usable = refresh(resolver) == 0;

    batch->resolver = resolver;
    batch->questions = questions;
    batch->n_questions = n;
    batch->world = (struct query_world){
        .servers = &resolver->servers,
        .clock = resolver->clock,
        .random = &resolver->random,
        .arena = arena,
        .options = resolver->options,
    };
    batch->queries = arena_array(arena, n, sizeof *batch->queries);
    resolver->in_flight++;
    for (size_t i = 0; i < n; i++) {
        questions[i].status = DNS_TRY_AGAIN;
        questions[i].records = NULL;
        questions[i].n = 0;
        if (usable)
            query_start(&batch->queries[batch->n++], &batch->world, &questions[i]);
    }
    return batch;
}

/* Which queries still run, and for how long at most nothing needs to be done. */
static size_t list_waiting(struct dns_batch *batch, struct pollfd *fds,
                           struct query **waiting, int64_t *ret_wait_ms)
{
    int64_t first_ms = INT64_MAX, now_ms = clock_ms(batch->resolver->clock);
    size_t n = 0;

    for (size_t i = 0; i < batch->n; i++) {
        struct query *q = &batch->queries[i];

        if (q->fd < 0)
            continue;
        if (q->due_ms < first_ms)
            first_ms = q->due_ms;
        waiting[n] = q;
        fds[n++] = (struct pollfd){.fd = q->fd, .events = q->events};
    }
    *ret_wait_ms = first_ms > now_ms ? first_ms - now_ms : 0;
    return n;
}

static void expire(struct dns_batch *batch)
{
    int64_t now_ms = clock_ms(batch->resolver->clock);

    for (size_t i = 0; i < batch->n; i++)
        if (batch->queries[i].fd >= 0 && batch->queries[i].due_ms <= now_ms)
            query_expired(&batch->queries[i]);
}

/* compat: "no mail here" (null MX) is beyond any filter. */
static bool says_none(const struct dns_record *record)
{
    return (record->type == DNS_MX || record->type == DNS_SRV) &&
           record->target[0] == '\0';
}

static int judge(const struct dns_filter *filter, const struct dns_record *record,
                 struct arena *arena)
{
    if (says_none(record))
        return 0;
    return filter->ignores(filter->context, dns_record_text(record, arena), arena);
}

static void filter(const struct dns_filter *filter, struct dns_question *question,
                   struct arena *arena)
{
    size_t kept = 0;
    bool failed = false;

    for (size_t i = 0; i < question->n && !failed; i++) {
        int ignored = judge(filter, &question->records[i], arena);

        failed = ignored < 0;
        if (ignored == 0)
            question->records[kept++] = question->records[i];
    }
    if (failed || kept == 0)
        question->status = failed ? DNS_UNFILTERED : DNS_FILTERED;
    question->n = failed ? 0 : kept;
}

static void filter_answers(const struct dns_batch *batch)
{
    const struct dns_filter *rules = &batch->resolver->filter;

    for (size_t i = 0; rules->ignores && i < batch->n_questions; i++)
        if (batch->questions[i].status == DNS_FOUND)
            filter(rules, &batch->questions[i], batch->world.arena);
}

void dns_finish(struct dns_batch *batch)
{
    struct arena *arena = batch->world.arena;
    struct pollfd *fds = arena_array(arena, batch->n, sizeof *fds);
    struct query **waiting = arena_array(arena, batch->n, sizeof(struct query *));
    int64_t wait_ms;
    size_t n;

    while ((n = list_waiting(batch, fds, waiting, &wait_ms)) > 0) {
        int ready = wait_any(fds, n, wait_ms);

        for (size_t i = 0; ready > 0 && i < n; i++)
            if (fds[i].revents != 0)
                query_ready(waiting[i]);
        if (ready <= 0)
            expire(batch);
    }
    batch->resolver->in_flight--;
    filter_answers(batch);
}

void dns_ask(struct resolver *resolver, struct dns_question *questions, size_t n,
             struct arena *arena)
{
    dns_finish(dns_start(resolver, questions, n, arena));
}

enum dns_status dns_ask_one(struct resolver *resolver, struct dns_question *question,
                            struct arena *arena)
{
    dns_ask(resolver, question, 1, arena);
    return question->status;
}
