/*
 * One question to dnsblog for each domain, however many items of the parameter name it;
 * each item then looks at the answers with its own filter. A list that does not answer
 * adds nothing.
 */
#include "postscreen/dnsbl.h"

#include "dns/blocklist.h"
#include "ipc/channel.h"
#include "ipc/messages.h"
#include "util/list.h"
#include "util/log.h"
#include "util/memory.h"

/* "domain=filter*weight" */
struct site {
    size_t list; /* which of the domains */
    struct str filter;
    int weight;
};

struct dnsbl {
    const struct conf *conf;
    const struct maps *reply_map;
    struct texts domains;
    struct site *sites;
    size_t n;
    const char *service;
};

struct question {
    struct dnsbl_inquiry *inquiry;
    struct channel *channel; /* NULL = answered, or never will be */
    const char *answers;     /* NULL = unknown */
};

struct dnsbl_inquiry {
    struct dnsbl *dnsbl;
    struct loop *loop;
    struct arena *arena;
    struct question *questions; /* one for each domain */
    size_t open;
    int64_t ttl;
    struct loop_timer *timer; /* of the lists; at the end, of calling done */
    void (*done)(void *context);
    void *context;
};

/* --- the parameter ---------------------------------------------------------------- */

static size_t domain_index(struct dnsbl *dnsbl, struct arena *arena, struct str domain)
{
    for (size_t i = 0; i < dnsbl->domains.n; i++)
        if (str_eq_nocase(domain, str_of(dnsbl->domains.items[i])))
            return i;
    texts_add(&dnsbl->domains, arena, arena_copy_str(arena, domain));
    return dnsbl->domains.n - 1;
}

static bool take_weight(struct str text, int *ret)
{
    bool minus = str_starts(text, "-");
    unsigned long long number;

    if (!str_number(str_tail(text, minus || str_starts(text, "+")), 1000000, &number))
        return false;
    *ret = minus ? -(int)number : (int)number;
    return true;
}

static int read_site(struct dnsbl *dnsbl, struct arena *arena, const char *item,
                     struct site *ret, struct fail *why)
{
    static const unsigned char any[4];
    struct str rest = str_of(item);
    size_t star = str_find_last(rest, '*');
    struct str domain;

    *ret = (struct site){.weight = 1};
    if (star < rest.n && !take_weight(str_tail(rest, star + 1), &ret->weight))
        return fail_set(why, "bad weight in postscreen_dnsbl_sites: %s", item);
    rest = str_head(rest, star);
    domain = str_until(&rest, '=');
    if (domain.n == 0)
        return fail_set(why, "no domain in postscreen_dnsbl_sites: %s", item);
    if (rest.n && blocklist_filter_takes(rest, any) < 0)
        return fail_set(why, "bad filter in postscreen_dnsbl_sites: %s", item);
    ret->filter = str_of(arena_copy_str(arena, rest));
    ret->list = domain_index(dnsbl, arena, domain);
    return 0;
}

int dnsbl_new(const struct conf *conf, struct tables *tables, struct arena *arena,
              struct dnsbl **ret, struct fail *why)
{
    struct dnsbl *dnsbl = ARENA_NEW(arena, struct dnsbl);
    struct texts items = {0};

    texts_split(&items, arena, str_of(conf->postscreen_dnsbl_sites), ", \t\r\n");
    dnsbl->conf = conf;
    dnsbl->service = arena_printf(arena, "private/%s", conf->dnsblog_service_name);
    dnsbl->sites = arena_array(arena, items.n, sizeof *dnsbl->sites);
    dnsbl->n = items.n;
    for (size_t i = 0; i < items.n; i++)
        if (read_site(dnsbl, arena, items.items[i], &dnsbl->sites[i], why) < 0)
            return -1;
    dnsbl->reply_map = maps_open(tables, "postscreen_dnsbl_reply_map",
                                 conf->postscreen_dnsbl_reply_map, 0);
    *ret = dnsbl;
    return 0;
}

bool dnsbl_is_empty(const struct dnsbl *dnsbl)
{
    return dnsbl->n == 0;
}

/* --- asking ----------------------------------------------------------------------- */

static void tell(void *context)
{
    struct dnsbl_inquiry *inquiry = context;

    inquiry->timer = NULL;
    if (inquiry->done)
        inquiry->done(inquiry->context);
}

/* Nobody is called from within his own call. */
static void tell_soon(struct dnsbl_inquiry *inquiry)
{
    loop_cancel(inquiry->loop, inquiry->timer);
    inquiry->timer = loop_timer(inquiry->loop, 0, tell, inquiry);
}

static void close_question(struct question *question)
{
    channel_close(question->channel);
    question->channel = NULL;
    if (--question->inquiry->open == 0)
        tell_soon(question->inquiry);
}

static void take_answer(void *context, struct str bytes)
{
    struct question *question = context;
    struct dnsbl_inquiry *inquiry = question->inquiry;
    struct dnsblog_answer listing;
    struct fail why;

    if (ipc_decode(&bytes, &dnsblog_answer_message, inquiry->arena, &listing, &why) < 0)
        log_warning("%s: %s", inquiry->dnsbl->service, why.text);
    else if (listing.known) {
        question->answers = listing.answers;
        if (listing.ttl >= 0 && (inquiry->ttl < 0 || listing.ttl < inquiry->ttl))
            inquiry->ttl = listing.ttl;
    }
    close_question(question);
}

static void lost(void *context, bool unread, const char *reason)
{
    struct question *question = context;

    (void)unread;
    log_warning("%s: %s", question->inquiry->dnsbl->service, reason);
    question->channel = NULL;
    close_question(question);
}

static void too_late(void *context)
{
    struct dnsbl_inquiry *inquiry = context;

    inquiry->timer = NULL;
    for (size_t i = 0; i < inquiry->dnsbl->domains.n; i++)
        if (inquiry->questions[i].channel) {
            log_warning("dnsblog reply timeout %ds for %s",
                        inquiry->dnsbl->conf->postscreen_dnsbl_timeout,
                        inquiry->dnsbl->domains.items[i]);
            close_question(&inquiry->questions[i]);
        }
}

static void ask(struct question *question, const char *domain, const char *address)
{
    static const struct channel_owner owner = {.message = take_answer, .gone = lost};
    struct dnsbl_inquiry *inquiry = question->inquiry;
    struct fail why;

    question->channel = channel_open(inquiry->loop, inquiry->dnsbl->service, "dnsblog",
                                     &owner, question, &why);
    if (!question->channel) {
        log_warning("connect to %s: %s", inquiry->dnsbl->service, why.text);
        inquiry->open--;
        return;
    }
    ipc_add_request(channel_output(question->channel), "query", &dnsblog_query_message,
                    &(struct dnsblog_query){.domain = domain, .address = address});
    channel_send(question->channel, -1);
}

struct dnsbl_inquiry *dnsbl_ask(struct dnsbl *dnsbl, struct loop *loop,
                                const char *address, void (*done)(void *context),
                                void *context)
{
    struct arena *arena = arena_new("inquiry");
    struct dnsbl_inquiry *inquiry = ARENA_NEW(arena, struct dnsbl_inquiry);
    size_t n = dnsbl->domains.n;

    *inquiry = (struct dnsbl_inquiry){.dnsbl = dnsbl,
                                      .loop = loop,
                                      .arena = arena,
                                      .open = n,
                                      .ttl = -1,
                                      .done = done,
                                      .context = context};
    inquiry->questions = arena_array(arena, n, sizeof *inquiry->questions);
    for (size_t i = 0; i < n; i++) {
        inquiry->questions[i].inquiry = inquiry;
        ask(&inquiry->questions[i], dnsbl->domains.items[i], address);
    }
    if (inquiry->open == 0)
        tell_soon(inquiry);
    else
        inquiry->timer = loop_timer(loop, dnsbl->conf->postscreen_dnsbl_timeout * 1000L,
                                    too_late, inquiry);
    return inquiry;
}

void dnsbl_end(struct dnsbl_inquiry *inquiry)
{
    if (!inquiry)
        return;
    loop_cancel(inquiry->loop, inquiry->timer);
    for (size_t i = 0; i < inquiry->dnsbl->domains.n; i++)
        channel_close(inquiry->questions[i].channel);
    arena_free(inquiry->arena);
}

/* --- the score -------------------------------------------------------------------- */

static bool takes(struct str filter, const char *answers)
{
    struct str rest = str_of(answers), word;

    while ((word = str_word(&rest, " ")).n) {
        struct netaddr address;

        if (netaddr_parse(word, &address) && address.family == NETADDR_IPV4 &&
            blocklist_filter_takes(filter, address.bytes) > 0)
            return true;
    }
    return false;
}

/* A list's own name may hold a key that is paid for. */
static const char *name_of(const struct dnsbl *dnsbl, const char *domain,
                           struct arena *arena)
{
    struct str name;
    struct fail why;

    switch (maps_lookup(dnsbl->reply_map, str_of(domain), MAPS_ALL, arena, &name, &why)) {
    case TABLE_FOUND:
        return arena_copy_str(arena, name);
    case TABLE_ERROR:
        log_warning("%s: the list is not named", why.text);
        return "a list";
    case TABLE_NOT_FOUND:
        break;
    }
    return domain;
}

struct dnsbl_score dnsbl_score(const struct dnsbl_inquiry *inquiry, struct arena *arena)
{
    const struct dnsbl *dnsbl = inquiry->dnsbl;
    struct dnsbl_score score = {.ttl = inquiry->ttl, .complete = inquiry->open == 0};
    const struct site *worst = NULL;

    for (size_t i = 0; i < dnsbl->n; i++) {
        const struct site *site = &dnsbl->sites[i];
        const char *answers = inquiry->questions[site->list].answers;

        if (!answers || !takes(site->filter, answers))
            continue;
        score.rank += site->weight;
        if (!worst || site->weight >= worst->weight)
            worst = site;
    }
    if (worst)
        score.worst = name_of(dnsbl, dnsbl->domains.items[worst->list], arena);
    return score;
}
