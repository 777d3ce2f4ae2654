/*
 * What tlsmgr gives back: a session that a client offers, and a key of tickets. Nobody
 * but mail programs can change them, and still neither may do harm.
 */
#include "fuzz.h"

#include "tls/manager.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void ignore(void *context, const char *text)
{
    (void)context, (void)text;
}

static bool find(void *context, const char *key, struct buf *ret)
{
    const struct str *session = context;

    (void)key;
    buf_add_str(ret, str_head(*session, TLS_SESSION_MAX));
    return true;
}

static void keep(void *context, const char *key, struct str session)
{
    (void)context, (void)key, (void)session;
}

static void forget(void *context, const char *key)
{
    (void)context, (void)key;
}

static struct str input;

static const struct tls_keeper keeper = {
    .find = find, .keep = keep, .forget = forget, .cache = "smtp", .context = &input};

static struct tls_context *context_of(const struct tls_library *library,
                                      struct arena *arena)
{
    struct tls_settings settings = {
        .pairs = {{"RSA", "", ""}, {"DSA", "", ""}, {"ECDSA", "", ""}},
        .CAfile = "",
        .CApath = "",
        .dh_file = "",
        .digest = "sha256",
        .session_context = "",
        .ticket_seconds = 100,
        .keeper = &keeper,
        .config_file = "none",
        .config_section = ""};
    struct fail why;
    struct tls_context *context = library->context_new(&settings, arena, &why);

    if (!context) {
        (void)!write(STDERR_FILENO, why.text, strlen(why.text));
        abort();
    }
    return context;
}

/* Up to the first message, in which the session is offered. */
static void offer(const struct tls_library *library, struct tls_context *context)
{
    static const struct tls_terms terms = {.ciphers = "ALL",
                                           .resume_peer = "peer",
                                           .resume_terms = "terms",
                                           .listener = {ignore, ignore, NULL}};
    struct arena *arena = arena_new("fuzz");
    struct tls_session *session;
    struct tls_facts facts;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    session = library->open(context, fds[0], &terms);
    HOLDS(session);
    HOLDS(library->shake(session, arena, &facts) != TLS_STEP_DONE);
    library->close(session);
    close(fds[0]);
    close(fds[1]);
    arena_free(arena);
}

static void parse_key(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    const char *text = arena_copy_str(arena, INPUT(data, size));
    struct tls_ticket_key key;

    if (tls_ticket_key_parse(text, &key))
        HOLDS(strcmp(tls_ticket_key_text(&key, arena), text) == 0);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tls_library *library;
    static struct tls_context *context;
    static struct arena *arena; /* of the process */
    struct fail why;

    if (!library) {
        arena = arena_new("process");
        library = tls_load(PLUGINS, arena, &why);
        if (!library)
            abort();
        context = context_of(library, arena);
    }
    input = INPUT(data, size);
    offer(library, context);
    parse_key(data, size);
    return 0;
}
