/*
 * The life of one question: packets to one server after the other, over TCP
 * when the answer did not fit, again for the next name of an alias chain,
 * until there is an answer or no try is left.
 *
 * Each try has a socket of its own, so that the kernel picks a new random
 * port, drops packets from anybody but that server, and tells us when the
 * server's port is closed.
 */
#include "dns/query.h"

#include "dns/resolver.h"
#include "util/log.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UDP_MAX = 4096, PREFIX = 2 };

static void send_next_try(struct query *q);
static void ask_candidate(struct query *q);

static uint16_t random_number(struct query_random *random)
{
    if (random->left == 0) {
        if (getrandom(random->pool, sizeof random->pool, 0) != sizeof random->pool)
            panic("getrandom fails");
        random->left = COUNT(random->pool);
    }
    return random->pool[--random->left];
}

static void drop_socket(struct query *q)
{
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
}

static const struct netaddr *server(const struct query *q)
{
    return &q->world->servers->address[(size_t)q->try % q->world->servers->n];
}

static int tries(const struct query *q)
{
    return q->world->servers->attempts * (int)q->world->servers->n;
}

/* The first round gives each server the whole time; later ones wait longer, but share it.
 */
static int64_t time_of_try(const struct query *q)
{
    int n = (int)q->world->servers->n, round = q->try / n;
    int64_t whole = q->world->servers->timeout_ms, share = (whole << round) / n;

    if (round == 0)
        return whole;
    return share < 1000 && share < whole ? (whole < 1000 ? whole : 1000) : share;
}

/* --- the end --- */

static bool has_more_candidates(const struct query *q);

static void finish(struct query *q, enum dns_status status)
{
    drop_socket(q);
    if ((status == DNS_NO_NAME || status == DNS_NO_DATA) && has_more_candidates(q)) {
        q->candidate++;
        ask_candidate(q);
        return;
    }
    q->question->status = status;
}

static void finish_with(struct query *q, const struct packet_answer *answer)
{
    q->question->records = answer->records;
    q->question->n = answer->n;
    q->question->authentic = answer->authentic && netaddr_is_loopback(server(q));
    q->question->negative_ttl = answer->negative_ttl;
    for (size_t i = 0; i < answer->n; i++)
        if (answer->records[i].ttl > q->ttl)
            answer->records[i].ttl = q->ttl;
    finish(q, answer->status);
}

/* --- tries --- */

static int open_socket(struct query *q, int type)
{
    struct sockaddr_storage sa;
    socklen_t length = netaddr_to_socket(server(q), &sa);

    q->fd = socket(sa.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (q->fd < 0)
        return -1;
    return connect(q->fd, (struct sockaddr *)&sa, length) == 0 || errno == EINPROGRESS
               ? 0
               : -1;
}

static bool send_over_udp(struct query *q)
{
    q->tcp = false;
    q->events = POLLIN;
    return open_socket(q, SOCK_DGRAM) == 0 &&
           send(q->fd, q->packet.p, q->packet.n, MSG_NOSIGNAL) == (ssize_t)q->packet.n;
}

static void send_next_try(struct query *q)
{
    for (; q->try < tries(q); q->try++) {
        drop_socket(q);
        if (send_over_udp(q)) {
            q->due_ms = clock_ms(q->world->clock) + time_of_try(q);
            return;
        }
    }
    finish(q, q->when_lost);
}

static void give_up_try(struct query *q)
{
    q->try++;
    send_next_try(q);
}

static void start_tcp(struct query *q)
{
    drop_socket(q);
    q->tcp = true;
    q->events = POLLOUT;
    q->sent = q->in_n = 0;
    q->due_ms = clock_ms(q->world->clock) + time_of_try(q);
    if (open_socket(q, SOCK_STREAM) < 0)
        give_up_try(q);
}

/* Ask for name from the first server on, with a new id. */
static void ask(struct query *q, const char *name)
{
    q->asked =
        (struct packet_asked){name, q->question->type, random_number(q->world->random)};
    q->packet = packet_question(&q->asked, q->world->arena);
    q->try = 0;
    q->when_lost = DNS_TRY_AGAIN;
    if (q->packet.n == 0)
        finish(q, DNS_BAD_NAME);
    else
        send_next_try(q);
}

/* --- search domains --- */

static size_t count_candidates(const struct query *q)
{
    const char *name = q->question->name;
    unsigned options = q->world->options;
    size_t n = q->world->servers->n_search;
    bool dotted = strchr(name, '.') != NULL;

    if (n == 0 || name[0] == '\0' || name[strlen(name) - 1] == '.')
        return 1;
    if (options & DNS_APPEND_SEARCH)
        return n + 1;
    return (options & DNS_APPEND_DOMAIN) && !dotted ? 2 : 1;
}

static bool has_more_candidates(const struct query *q)
{
    return q->candidate + 1 < count_candidates(q);
}

/* A name with a dot is tried as it is first, one without last (resolv.conf(5), ndots:1).
 */
static const char *candidate(const struct query *q)
{
    const char *name = q->question->name;
    size_t n = count_candidates(q);
    bool bare_first = strchr(name, '.') != NULL;

    if (n == 1 || q->candidate == (bare_first ? 0 : n - 1))
        return name;
    return arena_printf(q->world->arena, "%s.%s", name,
                        q->world->servers->search[q->candidate - bare_first]);
}

static void ask_candidate(struct query *q)
{
    const char *name = candidate(q);

    q->aliases = 0;
    q->ttl = UINT32_MAX;
    if (!dns_name_is_valid(name))
        finish(q, DNS_BAD_NAME);
    else
        ask(q, name);
}

/* --- answers --- */

static void follow_alias(struct query *q, const struct packet_answer *answer)
{
    drop_socket(q);
    q->aliases += answer->aliases;
    if (answer->ttl < q->ttl)
        q->ttl = answer->ttl;
    if (q->aliases > DNS_CNAME_MAX)
        finish(q, DNS_NO_NAME);
    else
        ask(q, answer->name);
}

static void take_packet(struct query *q, struct str packet)
{
    struct packet_answer answer;

    switch (packet_read(packet, &q->asked, q->world->arena, &answer)) {
    case PACKET_FOREIGN:
        if (q->tcp)
            give_up_try(q);
        break;
    case PACKET_TRUNCATED:
        if (q->tcp)
            give_up_try(q);
        else
            start_tcp(q);
        break;
    case PACKET_SERVER:
        q->when_lost = answer.status;
        give_up_try(q);
        break;
    case PACKET_ALIAS:
        follow_alias(q, &answer);
        break;
    case PACKET_ANSWER:
        finish_with(q, &answer);
        break;
    }
}

static void receive_over_udp(struct query *q)
{
    char packet[UDP_MAX];
    ssize_t n = recv(q->fd, packet, sizeof packet, 0);

    if (n >= 0)
        take_packet(q, str_from(packet, (size_t)n));
    else if (errno != EAGAIN && errno != EINTR)
        give_up_try(q);
}

/* Send what is left of the length (RFC 1035 section 4.2.2) and the packet. */
static void send_over_tcp(struct query *q)
{
    char out[PREFIX + UDP_MAX];
    size_t n = PREFIX + q->packet.n;
    ssize_t sent;

    out[0] = (char)(q->packet.n >> 8);
    out[1] = (char)q->packet.n;
    memcpy(out + PREFIX, q->packet.p,
           q->packet.n); /* a question has less than 300 bytes */
    sent = send(q->fd, out + q->sent, n - q->sent, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR)
            give_up_try(q);
        return;
    }
    q->sent += (size_t)sent;
    if (q->sent == n) {
        q->events = POLLIN;
        q->in = arena_alloc(q->world->arena, PREFIX + DNS_PACKET_MAX);
    }
}

static void receive_over_tcp(struct query *q)
{
    size_t want = q->in_n < PREFIX ? PREFIX : PREFIX + (size_t)(q->in[0] << 8 | q->in[1]);
    ssize_t n = recv(q->fd, q->in + q->in_n, want - q->in_n, 0);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            give_up_try(q);
        return;
    }
    q->in_n += (size_t)n;
    if (q->in_n == want && want > PREFIX)
        take_packet(q, str_from((const char *)q->in + PREFIX, want - PREFIX));
    else if (q->in_n == PREFIX && q->in[0] == 0 && q->in[1] == 0)
        give_up_try(q);
}

void query_start(struct query *q, const struct query_world *world,
                 struct dns_question *question)
{
    *q = (struct query){.world = world, .question = question, .fd = -1};
    question->status = DNS_TRY_AGAIN;
    question->records = NULL;
    question->n = 0;
    question->authentic = false;
    question->negative_ttl = -1;
    ask_candidate(q);
}

void query_ready(struct query *q)
{
    if (!q->tcp)
        receive_over_udp(q);
    else if (q->events == POLLOUT)
        send_over_tcp(q);
    else
        receive_over_tcp(q);
}

void query_expired(struct query *q)
{
    give_up_try(q);
}
