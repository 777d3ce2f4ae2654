/*
 * A client comes: who is it, is there room, and what is known of it already? Most clients
 * of a busy day end here: they are known, and go straight on to smtpd.
 */
#include "postscreen/visitor.h"

#include "mail/screenlog.h"
#include "net/proxy_header.h"
#include "util/log.h"
#include "util/memory.h"

#include <errno.h>
#include <sys/socket.h>

enum { HEADER_MAX = PROXY_FIXED + PROXY_REST_MAX };

/* --- what is known ---------------------------------------------------------------- */

static const char *end_text(const struct netaddr *address, struct arena *arena)
{
    char text[NETADDR_TEXT];

    return arena_printf(arena, "[%s]:%u", netaddr_text(address, text), address->port);
}

static void look_up(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;
    const char *value;
    struct fail why;
    enum table_result found = screen->cache ? cache_get(screen->cache, visitor->address,
                                                        visitor->arena, &value, &why)
                                            : TABLE_NOT_FOUND;

    if (found == TABLE_ERROR)
        log_warning("%s", why.text);
    visitor->is_known = found == TABLE_FOUND && record_parse(value, &visitor->record);
    for (size_t i = 0; i < TESTS; i++)
        if (!(screen->tests.enabled & 1U << i) && visitor->record.until[i] == 0)
            visitor->record.until[i] = RECORD_OFF;
    visitor->due = record_due(&visitor->record, &screen->tests, screen_now(screen));
}

/* A client that asks a backup server first has no good manners: postscreen at such an
 * address lets nobody onto the list of good ones. */
static void ask_interfaces(struct visitor *visitor)
{
    char text[NETADDR_TEXT];
    struct fail why;
    int matches = match_host(visitor->screen->allowlist_interfaces, STR_NONE,
                             str_of(netaddr_text(&visitor->local, text)), &why);

    if (matches > 0)
        return;
    if (matches < 0)
        log_warning("%s", why.text);
    screenlog_veto(visitor->where, !visitor->screen->conf->respectful_logging);
    visitor->vetoed = visitor->failed = true;
}

static void test(struct visitor *visitor)
{
    look_up(visitor);
    if (!visitor->failed && visitor->due == 0) {
        if (visitor->screen->tests.enabled)
            screenlog_pass(visitor->where, false);
        visitor_hand_over(visitor);
        return;
    }
    ask_interfaces(visitor);
    visitor_test_early(visitor);
}

static void denied(struct visitor *visitor)
{
    static const char *const replies[] = {
        [ACTION_ENFORCE] = "550 5.3.2 Service currently unavailable",
        [ACTION_DROP] = "521 5.3.2 Service currently unavailable",
    };
    enum action action = visitor->screen->denylist_action;

    screenlog_listed(visitor->where, false, !visitor->screen->conf->respectful_logging);
    if (action == ACTION_DROP) {
        visitor_dismiss(visitor, replies[action]);
        return;
    }
    if (action == ACTION_ENFORCE) {
        visitor->failed = true;
        visitor->engine.refusal = replies[action];
    }
    test(visitor);
}

static void judge(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;

    switch (access_judge(screen->access, visitor->address)) {
    case ACCESS_PERMIT:
        screenlog_listed(visitor->where, true, !screen->conf->respectful_logging);
        visitor_hand_over(visitor);
        break;
    case ACCESS_REJECT:
        denied(visitor);
        break;
    case ACCESS_DUNNO:
        test(visitor);
        break;
    }
}

/* The client's address is known. */
static void enter(struct visitor *visitor)
{
    struct arena *arena = visitor->arena;

    netaddr_text(&visitor->peer, visitor->address);
    visitor->where = end_text(&visitor->peer, arena);
    visitor->engine.client =
        (struct engine_client){visitor->where, visitor->address, visitor->peer.port};
    screenlog_connect(visitor->where, end_text(&visitor->local, arena));
    if (limits_let_in(visitor))
        judge(visitor);
    else
        visitor_dismiss(visitor, visitor->refusal);
}

/* --- who is it? ------------------------------------------------------------------- */

static void not_told(struct visitor *visitor, const char *reason)
{
    log_warning("haproxy read: %s", reason);
    visitor->where = NULL;
    visitor_dismiss(visitor, "421 4.3.2 No system resources");
}

static void take_header(struct visitor *visitor, int result,
                        const struct proxy_header *header, const struct fail *why)
{
    struct screen *screen = visitor->screen;

    if (result < 0) {
        not_told(visitor, why->text);
        return;
    }
    loop_unwatch(screen->loop, visitor->fd);
    loop_cancel(screen->loop, visitor->timer);
    visitor->timer = NULL;
    visitor->told = header->is_told;
    if (header->is_told) {
        visitor->peer = header->client;
        visitor->local = header->server;
    }
    enter(visitor);
}

/* Only what belongs to the header is taken: the rest is the client's, who may be too
 * early. How many bytes of what is there? 0 = all, and more has to come. */
static size_t header_share(const struct buf *header, struct str more, bool *ret_last,
                           struct fail *why)
{
    bool binary = (header->n ? header->p[0] : more.p[0]) == '\r';
    size_t rest, end;

    *ret_last = true;
    if (!binary) {
        end = str_find(more, '\n');
        if (end < more.n)
            return end + 1;
    } else if (header->n < PROXY_FIXED) {
        *ret_last = false;
        return more.n < PROXY_FIXED - header->n ? more.n : PROXY_FIXED - header->n;
    } else if (proxy_header_rest(str_head(buf_str(header), PROXY_FIXED), &rest, why) <
               0) {
        return SIZE_MAX;
    } else if (PROXY_FIXED + rest - header->n <= more.n) {
        return PROXY_FIXED + rest - header->n;
    }
    *ret_last = false;
    return more.n;
}

static void parse_header(struct visitor *visitor)
{
    struct str header = buf_str(&visitor->header);
    struct proxy_header told;
    struct fail why = {0};
    int result = header.p[0] == '\r'
                     ? proxy_header_binary(str_head(header, PROXY_FIXED),
                                           str_tail(header, PROXY_FIXED), &told, &why)
                     : proxy_header_line(str_trim_right(header), &told, &why);

    take_header(visitor, result, &told, &why);
}

static void header_ready(void *context, int fd, int events)
{
    struct visitor *visitor = context;
    struct buf *header = &visitor->header;
    char bytes[512];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    struct fail why;
    size_t share;
    bool last;

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        not_told(visitor, "lost connection");
        return;
    }
    share = header_share(header, str_from(bytes, (size_t)n), &last, &why);
    if (share == SIZE_MAX) {
        not_told(visitor, why.text);
        return;
    }
    (void)!recv(fd, bytes, share, MSG_DONTWAIT);
    buf_add(header, bytes, share);
    /* a second version's rest may be empty, and then nothing more comes */
    if (!last && header->n == PROXY_FIXED && header->p[0] == '\r' &&
        proxy_header_rest(buf_str(header), &share, &why) == 0 && share == 0)
        last = true;
    if (last)
        parse_header(visitor);
    else if (header->p[0] != '\r' && header->n > PROXY_LINE_MAX)
        not_told(visitor, "protocol header is too long");
}

static void header_late(void *context)
{
    struct visitor *visitor = context;

    visitor->timer = NULL;
    not_told(visitor, "time limit exceeded");
}

static void await_header(struct visitor *visitor)
{
    struct screen *screen = visitor->screen;
    struct fail why;

    visitor->timer =
        loop_timer(screen->loop, screen->conf->postscreen_upstream_proxy_timeout * 1000L,
                   header_late, visitor);
    if (loop_watch(screen->loop, visitor->fd, LOOP_READ, header_ready, visitor, &why) < 0)
        not_told(visitor, why.text);
}

void visitor_arrive(struct screen *screen, int fd, const struct netaddr *peer)
{
    struct visitor *visitor = MEMORY_NEW(struct visitor);
    static const struct engine_client nobody = {"", "", 0};

    *visitor = (struct visitor){.screen = screen,
                                .arena = arena_new("visitor"),
                                .fd = fd,
                                .peer = *peer,
                                .since_ms = loop_now_ms(screen->loop),
                                .next = screen->first};
    netaddr_of_own_end(fd, &visitor->local);
    buf_init(&visitor->header, HEADER_MAX);
    engine_init(&visitor->engine, &screen->engine, &nobody);
    if (visitor->next)
        visitor->next->previous = visitor;
    screen->first = visitor;
    limits_arrives(visitor);
    if (screen->tells_proxy)
        await_header(visitor);
    else
        enter(visitor);
}
