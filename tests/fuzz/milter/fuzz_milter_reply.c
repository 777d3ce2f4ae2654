/*
 * What a filter says: to the negotiation, to an event, at the end of a message. Whatever
 * its bytes are, and however they come, there is a verdict, replies are replies and
 * nothing else, and what is asked for lies within what was sent.
 */
#include "fuzz.h"

#include "milter/filter.h"

static const char *no_macro(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static void ignore(const char *text)
{
    HOLDS(text[0] != '\0');
}

static const struct milter_host host = {NULL, no_macro, ignore};

/* --- changes that are counted only --- */

static int header(void *context, uint32_t index, struct str name, struct str value,
                  struct fail *why)
{
    size_t *n = context;

    (void)index;
    (void)why;
    HOLDS(memchr(name.n ? name.p : "", '\0', name.n) == NULL);
    HOLDS(memchr(value.n ? value.p : "", '\0', value.n) == NULL);
    *n += 1;
    return 0;
}

static int add(void *context, struct str name, struct str value, struct fail *why)
{
    return header(context, 0, name, value, why);
}

static int address(void *context, struct str text, struct str parameters,
                   struct fail *why)
{
    return header(context, 0, text, parameters, why);
}

static int recipient(void *context, struct str text, struct fail *why)
{
    return header(context, 0, text, STR(""), why);
}

static int body(void *context, struct str piece, struct fail *why)
{
    return header(context, 0, STR(""), str_head(piece, 0), why);
}

static int end(void *context, bool whole, struct fail *why)
{
    (void)context;
    (void)whole;
    (void)why;
    return 0;
}

/* --- one talk --- */

static void check(const struct milter_verdict *verdict)
{
    if (verdict->action != MILTER_REFUSE && verdict->action != MILTER_HANG_UP)
        return;
    HOLDS(verdict->reply[0] == '4' || verdict->reply[0] == '5');
    for (const char *p = verdict->reply; *p; p++) {
        if (*p == '\n')
            HOLDS(p[-1] == '\r' && strncmp(p + 1, verdict->reply, 3) == 0);
        else if (*p == '\r')
            HOLDS(p[1] == '\n');
        else
            HOLDS((unsigned char)*p >= ' ' && *p != 0x7f);
    }
}

static enum milter_action answer(struct milter *milter, uint8_t choice, size_t *changes)
{
    const struct milter_edits edits = {.context = changes,
                                       .add_header = add,
                                       .insert_header = header,
                                       .change_header = header,
                                       .change_sender = address,
                                       .add_recipient = address,
                                       .delete_recipient = recipient,
                                       .replace_body = body,
                                       .end_of_edits = end};
    enum milter_event event = (enum milter_event)(choice % MILTER_EVENTS);
    struct milter_verdict verdict = {0};
    struct fail why;

    if (event == MILTER_END)
        HOLDS(milter_end(milter, &edits, &verdict, &why) == 0);
    else
        HOLDS(reply_take(milter, event, NULL, &verdict, &why) == 0);
    check(&verdict);
    return verdict.action;
}

static enum milter_action talk(const uint8_t *data, size_t size, size_t step,
                               size_t *changes)
{
    const struct conf conf = {.milter_default_action = "tempfail",
                              .milter_protocol = "6",
                              .milter_content_timeout = 10,
                              .milter_command_timeout = 10};
    struct arena *arena = arena_new("fuzz");
    struct milters *milters = milters_begin(&conf, &host, arena);
    struct milter *milter = milter_add(milters, "inet:fuzz:1");
    enum milter_action action = MILTER_CONTINUE;

    milter->stream = fuzz_stream(data + 1, size - 1, step);
    milter->version = 6;
    milter->actions = 0x1ff;
    milter->protocol = 0x1fffff;
    milter->state = FILTER_TALKING;
    if (data[0] & 0x80) {
        milter->state = FILTER_UNUSED;
        negotiate_over(milter);
        HOLDS(milter->state == FILTER_TALKING || milter->stream == NULL);
        HOLDS((milter->actions & ~0x1ffU) == 0 && milter->version <= 6);
    }
    if (milter->state == FILTER_TALKING)
        action = answer(milter, data[0] & 0x7f, changes);
    milters_free(milters);
    arena_free(arena);
    return action;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whole = 0, piecemeal = 0;

    if (size == 0)
        return 0;
    HOLDS(talk(data, size, 1 << 20, &whole) == talk(data, size, 1, &piecemeal));
    HOLDS(whole == piecemeal);
    return 0;
}
