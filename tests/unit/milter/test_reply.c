/* milter/reply.c: what filters say to an event, and what comes of it. */
#include "unit.h"

#include "milter/filter.h"
#include "milter/wire.h"

static const char *no_macro(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static void ignore(const char *text)
{
    (void)text;
}

static const struct milter_host host = {NULL, no_macro, ignore};

struct talk {
    struct arena *arena;
    struct conf conf;
    struct milters *milters;
    struct milter *milter;
};

static void begin(struct talk *talk, struct str wire, const char *default_action)
{
    *talk = (struct talk){.arena = arena_new("test")};
    talk->conf.milter_default_action = default_action;
    talk->conf.milter_command_timeout = talk->conf.milter_content_timeout = 5;
    talk->conf.milter_protocol = "6";
    talk->milters = milters_begin(&talk->conf, &host, talk->arena);
    talk->milter = milter_add(talk->milters, "inet:test:1");
    talk->milter->stream = stream_memory(wire);
    talk->milter->state = FILTER_TALKING;
    talk->milter->version = 6;
    talk->milter->actions = 0x1ff;
    talk->milter->protocol = 0x1fffff;
}

static void end(struct talk *talk)
{
    milters_free(talk->milters);
    arena_free(talk->arena);
}

#define PACKET(length, text) STR("\0\0\0" length text)

static const char unavailable[] = "451 4.7.1 Service unavailable - try again later";
static const char misconfigured[] =
    "451 4.3.5 Server configuration problem - try again later";

static const struct {
    const char *name;
    enum milter_event event;
    struct str wire;
    enum milter_action action;
    const char *reply;
    enum milter_state state;
} answers[] = {
    {"continue", MILTER_MAIL, PACKET("\1", "c"), MILTER_CONTINUE, NULL, FILTER_TALKING},
    {"accept", MILTER_MAIL, PACKET("\1", "a"), MILTER_CONTINUE, NULL,
     FILTER_MESSAGE_ACCEPTED},
    {"accept the client", MILTER_HELO, PACKET("\1", "a"), MILTER_CONTINUE, NULL,
     FILTER_DONE},
    {"accept an unknown command", MILTER_UNKNOWN, PACKET("\1", "a"), MILTER_CONTINUE,
     NULL, FILTER_TALKING},
    {"reject", MILTER_RCPT, PACKET("\1", "r"), MILTER_REFUSE,
     "550 5.7.1 Command rejected", FILTER_TALKING},
    {"reject the client", MILTER_CONNECT, PACKET("\1", "r"), MILTER_REFUSE,
     "550 5.7.1 Command rejected", FILTER_VERDICT},
    {"tempfail", MILTER_DATA, PACKET("\1", "t"), MILTER_REFUSE, unavailable,
     FILTER_TALKING},
    {"discard", MILTER_RCPT, PACKET("\1", "d"), MILTER_DISCARD, NULL,
     FILTER_MESSAGE_ACCEPTED},
    {"discard the client", MILTER_HELO, PACKET("\1", "d"), MILTER_CONTINUE, NULL,
     FILTER_TALKING},
    {"shutdown", MILTER_MAIL, PACKET("\1", "4"), MILTER_HANG_UP,
     "421 4.7.0 Server closing connection", FILTER_VERDICT},
    {"progress", MILTER_BODY, STR("\0\0\0\1p\0\0\0\1p\0\0\0\1c"), MILTER_CONTINUE, NULL,
     FILTER_TALKING},
    {"reply", MILTER_MAIL, PACKET("\14", "y550 5.7.1 x\0"), MILTER_REFUSE, "550 5.7.1 x",
     FILTER_TALKING},
    {"reply without its zero byte", MILTER_MAIL, PACKET("\13", "y550 5.7.1 x"),
     MILTER_REFUSE, "550 5.7.1 ", FILTER_TALKING},
    {"reply with percents", MILTER_MAIL, PACKET("\14", "y550 a%%b%cd\0"), MILTER_REFUSE,
     "550 a%b%cd", FILTER_TALKING},
    {"reply that is a code", MILTER_MAIL, PACKET("\5", "y550\0"), MILTER_REFUSE, "550",
     FILTER_TALKING},
    {"reply 421", MILTER_MAIL, PACKET("\11", "y421 bye\0"), MILTER_HANG_UP, "421 bye",
     FILTER_TALKING},
    {"reply of two lines", MILTER_MAIL, PACKET("\20", "y550-a\r\n550 b\r\n\0"),
     MILTER_REFUSE, "550-a\r\n550 b", FILTER_TALKING},
    {"reply with one line end", MILTER_MAIL, PACKET("\15", "y550 a\n550 b\0"),
     MILTER_REFUSE, "550-a\r\n550 b", FILTER_TALKING},
    {"reply of two codes", MILTER_MAIL, PACKET("\16", "y550-a\r\n450 b\0"), MILTER_REFUSE,
     misconfigured, FILTER_VERDICT},
    {"reply 250", MILTER_MAIL, PACKET("\10", "y250 ok\0"), MILTER_REFUSE, misconfigured,
     FILTER_VERDICT},
    {"reply of nothing", MILTER_MAIL, PACKET("\2", "y\0"), MILTER_REFUSE, misconfigured,
     FILTER_VERDICT},
    {"nonsense", MILTER_MAIL, PACKET("\1", "z"), MILTER_REFUSE, unavailable,
     FILTER_VERDICT},
    {"a change before the end", MILTER_EOH, PACKET("\5", "hA\0b\0"), MILTER_REFUSE,
     unavailable, FILTER_VERDICT},
    {"data behind a letter", MILTER_MAIL, PACKET("\2", "cx"), MILTER_REFUSE, unavailable,
     FILTER_VERDICT},
    {"no packet", MILTER_MAIL, PACKET("\0", ""), MILTER_REFUSE, unavailable,
     FILTER_VERDICT},
    {"a packet without end", MILTER_MAIL, STR("\377\377\377\377c"), MILTER_REFUSE,
     unavailable, FILTER_VERDICT},
    {"the end within a packet", MILTER_MAIL, PACKET("\5", "c"), MILTER_REFUSE,
     unavailable, FILTER_VERDICT},
    {"nothing", MILTER_MAIL, STR(""), MILTER_REFUSE, unavailable, FILTER_VERDICT},
};

static void each_answer_has_its_consequence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(answers); i++) {
        struct milter_verdict verdict = {0};
        struct talk talk;
        struct fail why;

        begin(&talk, answers[i].wire, "tempfail");
        assert_int_equal(reply_take(talk.milter, answers[i].event, NULL, &verdict, &why),
                         0);
        ROW_INT(answers[i].name, verdict.action, answers[i].action);
        ROW_TEXT(answers[i].name, verdict.reply, answers[i].reply);
        ROW_INT(answers[i].name, talk.milter->state, answers[i].state);
        end(&talk);
    }
}

static const struct {
    const char *word;
    enum milter_action action;
    const char *reply;
} defaults[] = {
    {"accept", MILTER_CONTINUE, NULL},
    {"quarantine", MILTER_HOLD, NULL},
    {"reject", MILTER_REFUSE, "550 5.5.0 Service unavailable"},
    {"tempfail", MILTER_REFUSE, unavailable},
    {"shutdown", MILTER_HANG_UP, "421 4.7.1 Service unavailable - try again later"},
    {"anything", MILTER_REFUSE, misconfigured},
};

static void what_cannot_be_used_has_a_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(defaults); i++) {
        struct milter_verdict verdict;
        struct talk talk;

        begin(&talk, STR(""), defaults[i].word);
        verdict = filter_failed(talk.milter, "broken");
        ROW_INT(defaults[i].word, verdict.action, defaults[i].action);
        ROW_TEXT(defaults[i].word, verdict.reply, defaults[i].reply);
        assert_null(talk.milter->stream);
        end(&talk);
    }
}

static void what_is_handed_over_can_be_taken_over(void **state)
{
    static const char *const broken[] = {"", "name", "inet:a:1"};
    struct talk here, there;
    struct buf text;
    struct fail why;

    (void)state;
    begin(&here, STR(""), "reject");
    begin(&there, STR(""), "tempfail");
    buf_init(&text, 10000);
    here.conf.milter_end_of_header_macros = here.conf.milter_end_of_data_macros = "i";
    here.conf.milter_connect_macros = here.conf.milter_helo_macros = "";
    here.conf.milter_mail_macros = here.conf.milter_rcpt_macros = "";
    here.conf.milter_data_macros = here.conf.milter_unknown_command_macros = "";
    here.conf.milter_macro_defaults = "i=none";
    macros_read(here.milters);
    (void)milter_hand_over(here.milter, &text);
    for (size_t i = 0; i < ROWS(broken); i++)
        assert_int_equal(milters_take_over(there.milters, str_of(broken[i]),
                                           stream_memory(STR("")), &why),
                         -1);
    assert_int_equal(milters_take_over(there.milters, buf_str(&text), NULL, &why), -1);
    assert_int_equal(
        milters_take_over(there.milters, buf_str(&text), stream_memory(STR("")), &why),
        0);
    assert_string_equal(there.milters->last->name, "inet:test:1");
    assert_string_equal(there.milters->last->default_action, "reject");
    assert_int_equal(there.milters->last->protocol, 0x1fffff);
    assert_string_equal(there.milters->last->values[STAGE_END]->items[1], "none");
    buf_done(&text);
    end(&here);
    end(&there);
}

/* Packets of one letter that a filter sends. */
static void add_answers(struct buf *wire, char letter, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wire_end(wire, wire_begin(wire, letter));
}

static const char *some_macro(void *context, const char *name)
{
    (void)context;
    return *name == '{' ? "value" : NULL;
}

/* A client may talk without end. */
static void an_event_leaves_nothing_in_the_memory_of_the_session(void **state)
{
    static const struct milter_host knowing = {NULL, some_macro, ignore};
    const struct str word = STR("<joe@example.test>");
    struct texts names = {0};
    struct talk talk;
    struct buf wire;
    size_t used;

    (void)state;
    buf_init(&wire, 100000);
    add_answers(&wire, 'c', 1000);
    begin(&talk, buf_str(&wire), "tempfail");
    talk.milter->protocol = 0;
    talk.milters->host = &knowing;
    texts_split(&names, talk.arena, STR("i {rcpt_addr} rcpt_host"), " ");
    talk.milter->macros[STAGE_RCPT] = &names;
    (void)milters_tell(talk.milters, MILTER_RCPT, &word, 1);
    used = arena_used(talk.arena);
    for (int i = 0; i < 990; i++)
        assert_int_equal(milters_tell(talk.milters, MILTER_RCPT, &word, 1).action,
                         MILTER_CONTINUE);
    assert_int_equal(talk.milter->state, FILTER_TALKING);
    assert_int_equal(arena_used(talk.arena), used);
    buf_done(&wire);
    end(&talk);
}

static const struct {
    const char *name;
    const char *piece;
    size_t times;
    enum milter_state state;
} macro_lists[] = {
    {"as many as there are", "{rcpt_addr} ", 30, FILTER_TALKING},
    {"more than there can be", "{rcpt_addr} ", 3000, FILTER_VERDICT},
    {"a name without end", "rcpt_addr", 30000, FILTER_VERDICT},
};

/* Each of them is sent with each event, with a value that a client has chosen. */
static void filters_ask_for_so_many_macros_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(macro_lists); i++) {
        struct talk talk;
        struct buf wire;
        size_t begun;

        buf_init(&wire, 1000000);
        begun = wire_begin(&wire, 'O');
        wire_add_number(&wire, 6);
        wire_add_number(&wire, 0x1ff);
        wire_add_number(&wire, 0);
        wire_add_number(&wire, STAGE_RCPT);
        for (size_t k = 0; k < macro_lists[i].times; k++)
            buf_add_text(&wire, macro_lists[i].piece);
        buf_add_char(&wire, '\0');
        wire_end(&wire, begun);
        begin(&talk, buf_str(&wire), "tempfail");
        talk.milter->state = FILTER_UNUSED;
        negotiate_over(talk.milter);
        ROW_INT(macro_lists[i].name, talk.milter->state, macro_lists[i].state);
        buf_done(&wire);
        end(&talk);
    }
}

/* What one filter has added the next one is told of. */
static void a_header_may_be_longer_than_what_a_filter_may_say(void **state)
{
    struct talk talk;
    struct buf value;

    (void)state;
    begin(&talk, PACKET("\1", "c"), "tempfail");
    talk.milter->protocol = 0;
    buf_init(&value, 16 << 20);
    while (value.n < 5 << 20)
        buf_add_text(&value, "\n\t");
    assert_int_equal(milter_header(talk.milter, STR("X-Long"), buf_str(&value)).action,
                     MILTER_CONTINUE);
    assert_true(stream_memory_output(talk.milter->stream).n > 5 << 20);
    buf_done(&value);
    end(&talk);
}

static void a_reply_is_no_novel(void **state)
{
    struct milter_verdict verdict;
    struct talk talk;
    struct buf wire;
    struct fail why;
    size_t begun;

    (void)state;
    buf_init(&wire, 1000000);
    begun = wire_begin(&wire, 'y');
    buf_add_text(&wire, "550 5.7.1 ");
    while (wire.n < 70000)
        buf_add_text(&wire, "no, ");
    buf_add_char(&wire, '\0');
    wire_end(&wire, begun);
    begin(&talk, buf_str(&wire), "accept");
    assert_int_equal(reply_take(talk.milter, MILTER_MAIL, NULL, &verdict, &why), 0);
    assert_string_equal(verdict.reply, misconfigured);
    buf_done(&wire);
    end(&talk);
}

static int disk_is_full(void *context, struct str address, struct fail *why)
{
    (void)context, (void)address;
    return fail_set(why, "no space");
}

/* What the filter says behind it must not be taken for its word on the next message. */
static void a_filter_whose_change_was_lost_is_heard_no_more(void **state)
{
    const struct milter_edits edits = {.delete_recipient = disk_is_full};
    struct milter_verdict verdict;
    struct talk talk;
    struct fail why;

    (void)state;
    begin(&talk, STR("\0\0\0\5-<a>\0\0\0\0\1a"), "tempfail");
    assert_int_equal(milter_end(talk.milter, &edits, &verdict, &why), -1);
    assert_string_equal(why.text, "no space");
    assert_null(talk.milter->stream);
    assert_false(talk.milter->state == FILTER_TALKING);
    end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_consequence),
        cmocka_unit_test(what_cannot_be_used_has_a_default),
        cmocka_unit_test(what_is_handed_over_can_be_taken_over),
        cmocka_unit_test(an_event_leaves_nothing_in_the_memory_of_the_session),
        cmocka_unit_test(filters_ask_for_so_many_macros_and_no_more),
        cmocka_unit_test(a_header_may_be_longer_than_what_a_filter_may_say),
        cmocka_unit_test(a_reply_is_no_novel),
        cmocka_unit_test(a_filter_whose_change_was_lost_is_heard_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
