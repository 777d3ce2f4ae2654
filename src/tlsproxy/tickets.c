/*
 * The keys of session tickets, from tlsmgr, which is asked ahead of need and not waited
 * for: until it has answered, tickets are under a key of this process.
 */
#include "tlsproxy/tlsproxy.h"

#include "ipc/channel.h"
#include "tls/manager.h"
#include "util/log.h"

enum { AGAIN_S = 60, SOON_S = 1 };

struct tickets {
    struct proxy *proxy;
    struct tls_manager *manager;
    struct channel *channel; /* NULL = nothing is asked now */
};

static void warn(const char *text)
{
    log_warning("%s", text);
}

void tickets_set_up(struct proxy *proxy, struct tls_keeper *ret)
{
    struct process *process = proxy->process;
    struct tickets *tickets = ARENA_NEW(process->arena, struct tickets);

    tickets->proxy = proxy;
    tickets->manager = tls_manager_new(process->conf, process->name,
                                       process->conf->smtpd_tls_session_cache_timeout,
                                       warn, process->arena);
    tls_manager_is_fed(tickets->manager);
    tls_manager_keeper(tickets->manager, true, NULL, ret);
    proxy->tickets = tickets;
}

static void ask(void *context);

static void ask_later(struct tickets *tickets, int64_t seconds)
{
    loop_timer(tickets->proxy->process->loop, seconds * 1000, ask, tickets);
}

static void take_keys(void *context, struct str bytes)
{
    struct tickets *tickets = context;
    struct loop *loop = tickets->proxy->process->loop;
    struct arena *arena = arena_new("keys");
    struct tls_keys keys;
    struct fail why;
    int64_t rest = AGAIN_S;

    if (ipc_decode(&bytes, &tls_keys_message, arena, &keys, &why) < 0 ||
        tls_manager_take(tickets->manager, &keys, &why) < 0)
        log_warning("%s", why.text);
    else
        rest = keys.issue_until - clock_wall(loop_clock(loop)).tv_sec;
    arena_free(arena);
    channel_close(tickets->channel);
    tickets->channel = NULL;
    ask_later(tickets, rest > SOON_S ? rest : SOON_S);
}

static void is_gone(void *context, bool unread, const char *reason)
{
    struct tickets *tickets = context;

    (void)unread;
    tickets->channel = NULL;
    log_warning("no keys of TLS session tickets from tlsmgr: %s", reason);
    ask_later(tickets, AGAIN_S);
}

static void ask(void *context)
{
    static const struct channel_owner owner = {.message = take_keys, .gone = is_gone};
    struct tickets *tickets = context;
    const struct process *process = tickets->proxy->process;
    const struct tls_keys_wanted wanted = {process->name};
    struct arena *arena = arena_new("keys");
    struct fail why;

    tickets->channel = channel_open(
        process->loop,
        arena_printf(arena, "private/%s", process->conf->tlsmgr_service_name), "tlsmgr",
        &owner, tickets, &why);
    arena_free(arena);
    if (!tickets->channel) {
        is_gone(tickets, false, why.text);
        return;
    }
    ipc_add_request(channel_output(tickets->channel), "keys", &tls_keys_wanted_message,
                    &wanted);
    channel_send(tickets->channel, -1);
}

void tickets_start(struct tickets *tickets)
{
    ask(tickets);
}
