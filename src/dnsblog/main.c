/*
 * dnsblog(8): asks one list in the DNS about one address (RFC 5782), logs it when the
 * address is listed, and tells postscreen. One question a request, and it waits for the
 * answer: postscreen, which waits for nobody, asks as many of us as it has questions.
 */
#include "dns/blocklist.h"
#include "dns/resolver.h"
#include "ipc/messages.h"
#include "service/service.h"
#include "util/log.h"
#include "util/wait.h"

static int init(struct process *process, struct fail *why)
{
    (void)why;
    process->state = resolver_new("/etc/resolv.conf", &clock_system);
    return 0;
}

/* The addresses that the list answers with, each told to the log; and how long they hold.
 */
static const char *listings(const struct dns_question *question,
                            const struct dnsblog_query *query, struct arena *arena,
                            long long *ttl)
{
    const char *answers = "";

    for (size_t i = 0; i < question->n; i++) {
        const struct dns_record *record = &question->records[i];
        char text[NETADDR_TEXT];

        netaddr_text(&record->address, text);
        log_info("addr %s listed by domain %s as %s", query->address, query->domain,
                 text);
        answers = arena_printf(arena, "%s%s%s", answers, *answers ? " " : "", text);
        if (*ttl < 0 || record->ttl < *ttl)
            *ttl = record->ttl;
    }
    return answers;
}

static void look_up(struct client *client, const struct dnsblog_query *query,
                    const struct netaddr *address)
{
    struct arena *arena = client->arena;
    char reversed[BLOCKLIST_REVERSED];
    struct dns_question question = {.type = DNS_A};
    struct dnsblog_answer listing = {.answers = "", .ttl = -1};

    blocklist_reverse(address, reversed);
    question.name = arena_printf(arena, "%s.%s", reversed, query->domain);
    dns_ask_one(client->process->state, &question, arena);
    listing.known = !dns_status_is_temporary(question.status);
    if (!listing.known)
        log_warning("dnsblog_query: lookup error for DNS query %s: %s", question.name,
                    dns_explain(&question, arena));
    if (question.status == DNS_FOUND)
        listing.answers = listings(&question, query, arena, &listing.ttl);
    else if (listing.known)
        listing.ttl = question.negative_ttl;
    ipc_put(client->stream, &dnsblog_answer_message, &listing);
}

static int answer_query(struct client *client, struct fail *why)
{
    const struct conf *conf = client->process->conf;
    struct dnsblog_query query;
    struct netaddr address;

    if (ipc_receive(client->stream, &dnsblog_query_message, client->arena, &query, why) <
        0)
        return -1;
    if (!netaddr_parse(str_of(query.address), &address))
        return fail_set(why, "bad address: %.100s", query.address);
    look_up(client, &query, &address);
    if (conf->dnsblog_reply_delay > 0)
        (void)!wait_any(NULL, 0, conf->dnsblog_reply_delay * 1000L);
    return 0;
}

static const struct request requests[] = {
    {"query", answer_query},
    {0},
};

static const struct service dnsblog = {
    .name = "dnsblog",
    .kind = SERVICE_ONE_CLIENT,
    .after_jail = init,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&dnsblog, argc, argv);
}
