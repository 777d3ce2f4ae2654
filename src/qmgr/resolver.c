/*
 * A queue of questions that are on their way, in order, since trivial-rewrite
 * answers in order; and the answers of the last second. When the connection
 * breaks, all open questions are asked again: asking twice does no harm.
 */
#include "qmgr/resolver.h"

#include "ipc/answers.h"
#include "ipc/channel.h"
#include "util/log.h"
#include "util/memory.h"

#include <stdio.h>

enum {
    RECONNECT_MS = 1000,
    KEY_MAX = 3 * IPC_VALUE_MAX,
    FAILURES_A_LINE = 10, /* connections that fail in a row before the log says it */
};

/* Who wants to know. */
struct waiter {
    struct waiter *next;
    void (*answered)(void *context, const struct resolved *answer);
    void *context;
};

struct question {
    struct question *next; /* in the order of asking */
    struct arena *arena;   /* itself included */
    struct str key;
    struct resolve question;
    struct waiter *waiters, **last;
};

struct resolver {
    struct manager *manager;
    struct channel *channel; /* NULL = not connected */
    struct loop_timer *again;
    struct loop_timer *patience; /* runs while questions are open */
    int64_t heard_ms;            /* last answer, or first question after that */
    int failures;
    bool by_sender; /* routes depend on the sender */

    struct map *open; /* by key: struct question */
    struct question *first, **last;

    struct answers *answers;
};

static bool depends_on_sender(const struct conf *conf)
{
    return *conf->sender_dependent_default_transport_maps ||
           *conf->sender_dependent_relayhost_maps;
}

struct resolver *resolver_new(struct manager *manager)
{
    struct resolver *resolver = MEMORY_NEW(struct resolver);

    resolver->manager = manager;
    resolver->by_sender = depends_on_sender(manager->conf);
    resolver->open = map_new();
    resolver->last = &resolver->first;
    resolver->answers = answers_new();
    return resolver;
}

static void question_free(struct question *question)
{
    arena_free(question->arena);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    channel_close(resolver->channel);
    loop_cancel(resolver->manager->loop, resolver->again);
    loop_cancel(resolver->manager->loop, resolver->patience);
    while (resolver->first) {
        struct question *question = resolver->first;

        resolver->first = question->next;
        question_free(question);
    }
    map_free(resolver->open, NULL);
    answers_free(resolver->answers);
    free(resolver);
}

/* --- the connection ------------------------------------------------------------ */

static void connect_to_service(struct resolver *resolver);

static void reconnect(struct resolver *resolver)
{
    channel_close(resolver->channel);
    resolver->channel = NULL;
    connect_to_service(resolver);
}

static void await_answers(struct resolver *resolver);

static void out_of_patience(void *context)
{
    struct resolver *resolver = context;
    const struct conf *conf = resolver->manager->conf;
    int64_t silent_ms = loop_now_ms(resolver->manager->loop) - resolver->heard_ms;

    resolver->patience = NULL;
    if (!resolver->first)
        return;
    if (resolver->channel && silent_ms >= conf->qmgr_ipc_timeout * 1000L) {
        log_warning("service %s: no answer in %d seconds; asking again",
                    conf->rewrite_service_name, conf->qmgr_ipc_timeout);
        reconnect(resolver);
    }
    await_answers(resolver);
}

/* One timer for all questions, that looks now and then whether answers come. */
static void await_answers(struct resolver *resolver)
{
    struct manager *manager = resolver->manager;

    if (resolver->patience || !resolver->first)
        return;
    resolver->patience =
        loop_timer(manager->loop, manager->conf->qmgr_ipc_timeout * 1000L,
                   out_of_patience, resolver);
}

static void take_answer(void *context, struct str bytes)
{
    struct resolver *resolver = context;
    struct question *question = resolver->first;
    struct resolved answer;
    struct waiter *waiter;
    struct fail why;

    if (!question ||
        ipc_decode(&bytes, &resolved_message, question->arena, &answer, &why) < 0) {
        log_warning("service %s: %s", resolver->manager->conf->rewrite_service_name,
                    question ? why.text : "answer without a question");
        reconnect(resolver);
        return;
    }
    resolver->failures = 0;
    resolver->heard_ms = loop_now_ms(resolver->manager->loop);
    resolver->first = question->next;
    if (!resolver->first)
        resolver->last = &resolver->first;
    map_remove(resolver->open, question->key);
    answers_keep(resolver->answers, question->key, &answer, resolver->heard_ms);
    while ((waiter = question->waiters)) {
        question->waiters = waiter->next;
        waiter->answered(waiter->context, &answer);
    }
    question_free(question);
}

static void try_again(void *context)
{
    struct resolver *resolver = context;

    resolver->again = NULL;
    connect_to_service(resolver);
}

static void try_later(struct resolver *resolver, const char *reason)
{
    if (++resolver->failures % FAILURES_A_LINE == 0)
        log_warning("connect to service %s: %s",
                    resolver->manager->conf->rewrite_service_name, reason);
    resolver->again =
        loop_timer(resolver->manager->loop, RECONNECT_MS, try_again, resolver);
}

static void gone(void *context, bool unread, const char *reason)
{
    struct resolver *resolver = context;

    resolver->channel = NULL;
    if (!resolver->first)
        return;
    if (unread && resolver->failures++ == 0)
        connect_to_service(resolver);
    else
        try_later(resolver, reason);
}

static const struct channel_owner channel_owner = {.message = take_answer, .gone = gone};

static void send_question(const struct resolver *resolver,
                          const struct question *question)
{
    ipc_add_request(channel_output(resolver->channel), "resolve", &resolve_message,
                    &question->question);
}

/* Ask all that is open. */
static void connect_to_service(struct resolver *resolver)
{
    const struct conf *conf = resolver->manager->conf;
    char path[200];
    struct fail why;

    snprintf(path, sizeof(path), "private/%s", conf->rewrite_service_name);
    resolver->channel = channel_open(resolver->manager->loop, path, "trivial-rewrite",
                                     &channel_owner, resolver, &why);
    if (!resolver->channel) {
        try_later(resolver, why.text);
        return;
    }
    for (struct question *q = resolver->first; q; q = q->next)
        send_question(resolver, q);
    channel_send(resolver->channel, -1);
}

/* --- asking -------------------------------------------------------------------- */

static struct question *question_new(struct resolver *resolver, struct str key,
                                     const struct resolve *question)
{
    struct arena *arena = arena_new("question");
    struct question *new = ARENA_NEW(arena, struct question);

    *new = (struct question){
        .arena = arena,
        .key = {arena_copy_str(arena, key), key.n},
        .question = {.flags = question->flags,
                     .sender = arena_copy(arena, question->sender),
                     .address = arena_copy(arena, question->address)},
    };
    new->last = &new->waiters;
    if (!resolver->first)
        resolver->heard_ms = loop_now_ms(resolver->manager->loop);
    map_set(resolver->open, key, new);
    *resolver->last = new;
    resolver->last = &new->next;
    if (resolver->channel)
        send_question(resolver, new);
    return new;
}

void resolver_send(struct resolver *resolver)
{
    await_answers(resolver);
    if (resolver->channel)
        channel_send(resolver->channel, -1);
    else if (resolver->first && !resolver->again)
        connect_to_service(resolver);
}

static void ask(struct resolver *resolver, struct str key, const struct resolve *question,
                const struct waiter *who)
{
    struct question *open = map_get(resolver->open, key);
    struct waiter *waiter;

    if (!open)
        open = question_new(resolver, key, question);
    waiter = ARENA_NEW(open->arena, struct waiter);
    *waiter = *who;
    *open->last = waiter;
    open->last = &waiter->next;
}

void resolver_ask(struct resolver *resolver, const struct resolve *question,
                  void (*answered)(void *context, const struct resolved *answer),
                  void *context)
{
    const struct resolved *known;
    struct buf key;

    buf_init(&key, KEY_MAX);
    buf_printf(&key, "%lld\n%s\n%s", question->flags,
               resolver->by_sender ? question->sender : "", question->address);
    known = answers_find(resolver->answers, buf_str(&key),
                         loop_now_ms(resolver->manager->loop));
    if (known)
        answered(context, known);
    else
        ask(resolver, buf_str(&key), question,
            &(struct waiter){.answered = answered, .context = context});
    buf_done(&key);
}
