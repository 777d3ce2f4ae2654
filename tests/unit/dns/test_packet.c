#include "unit.h"

#include "dns/packet.h"

#include <ldns/ldns.h>
#include <stdlib.h>

static const struct packet_asked mx = {"d.example", DNS_MX, 0x1234};

/* Header with one question "d.example MX", and that many answers. */
#define PACKET(answers)                                                                  \
    "\x12\x34\x81\x80\0\1\0" answers "\0\0\0\0"                                          \
    "\1d\7example\0\0\017\0\1"

static const struct {
    const char *what;
    const char *bytes;
    size_t n;
    enum packet_kind kind;
    enum dns_status status; /* of PACKET_ANSWER */
    size_t records;
} packets[] = {
#define ROW(what, bytes, kind, status, records)                                          \
    {                                                                                    \
        what, bytes, sizeof(bytes) - 1, kind, status, records                            \
    }
    ROW("empty", "", PACKET_FOREIGN, 0, 0),
    ROW("header only", "\x12\x34\x81\x80\0\1\0\0\0\0\0\0", PACKET_FOREIGN, 0, 0),
    ROW("no answers", PACKET("\0"), PACKET_ANSWER, DNS_NO_DATA, 0),
    ROW("answers promised, none there", PACKET("\5"), PACKET_ANSWER, DNS_BAD_REPLY, 0),
    ROW("owner by pointer",
        PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\6\0\012\1m\xc0\x0e", PACKET_ANSWER,
        DNS_FOUND, 1),
    ROW("pointer to itself",
        PACKET("\1") "\xc0\x1b\0\017\0\1\0\0\0\1\0\6\0\012\1m\xc0\x0e", PACKET_ANSWER,
        DNS_BAD_REPLY, 0),
    ROW("pointer behind the end", PACKET("\1") "\xc1\xff\0\017\0\1\0\0\0\1\0\3\0\012\0",
        PACKET_ANSWER, DNS_BAD_REPLY, 0),
    ROW("length behind the end", PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\xff\0\012\0",
        PACKET_ANSWER, DNS_BAD_REPLY, 0),
    ROW("record cut in its fixed part", PACKET("\1") "\xc0\x0c\0\017\0\1\0",
        PACKET_ANSWER, DNS_BAD_REPLY, 0),
    ROW("MX of no bytes", PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\0", PACKET_ANSWER,
        DNS_BAD_REPLY, 0),
    ROW("MX with preference only", PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\2\0\012",
        PACKET_ANSWER, DNS_BAD_REPLY, 0),
    ROW("MX name shorter than its data",
        PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\7\0\012\1m\0xx", PACKET_ANSWER,
        DNS_BAD_REPLY, 0),
    ROW("MX name longer than its data",
        PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\4\0\012\1m\0", PACKET_ANSWER,
        DNS_BAD_REPLY, 0),
    ROW("null MX", PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\3\0\0\0", PACKET_ANSWER,
        DNS_FOUND, 1),
    ROW("other class", PACKET("\1") "\xc0\x0c\0\017\0\3\0\0\0\1\0\3\0\0\0", PACKET_ANSWER,
        DNS_NO_DATA, 0),
    ROW("record of another name", PACKET("\1") "\1x\0\0\017\0\1\0\0\0\1\0\3\0\0\0",
        PACKET_ANSWER, DNS_NO_DATA, 0),
    ROW("MX with a newline in it",
        PACKET("\1") "\xc0\x0c\0\017\0\1\0\0\0\1\0\6\0\012\2m\n\0", PACKET_ANSWER,
        DNS_BAD_REPLY, 0),
    ROW("SRV among others", PACKET("\1") "\xc0\x0c\0\041\0\1\0\0\0\1\0\7\0\1\0\2\0\3\0",
        PACKET_ANSWER, DNS_NO_DATA, 0),
    ROW("servfail", "\x12\x34\x81\x82\0\1\0\0\0\0\0\0\1d\7example\0\0\017\0\1",
        PACKET_SERVER, DNS_TRY_AGAIN, 0),
    ROW("format error without question", "\x12\x34\x81\x81\0\0\0\0\0\0\0\0",
        PACKET_SERVER, DNS_REFUSED, 0),
    ROW("truncated", "\x12\x34\x83\x80\0\1\0\0\0\0\0\0\1d\7example\0\0\017\0\1",
        PACKET_TRUNCATED, 0, 0),
#undef ROW
};

static const struct packet_asked srv = {"d.example", DNS_SRV, 0x1234};

/* Header with one question "d.example SRV", and one SRV answer with this data. */
#define SRV(length, data)                                                                \
    "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1d\7example\0\0\041\0\1"                           \
    "\xc0\x0c\0\041\0\1\0\0\0\1\0" length data

static const struct {
    const char *what;
    const char *bytes;
    size_t n;
    enum dns_status status;
    const char *text; /* of the record */
} services[] = {
#define ROW(what, bytes, status, text)                                                   \
    {                                                                                    \
        what, bytes, sizeof(bytes) - 1, status, text                                     \
    }
    ROW("whole", SRV("\011", "\0\1\0\2\0\3\1m\0"), DNS_FOUND,
        "d.example. 1 IN SRV 1 2 3 m."),
    ROW("no such service", SRV("\7", "\0\1\0\2\0\3\0"), DNS_FOUND,
        "d.example. 1 IN SRV 1 2 3 ."),
    ROW("no bytes", SRV("\0", ""), DNS_BAD_REPLY, NULL),
    ROW("five bytes", SRV("\5", "\0\1\0\2\0"), DNS_BAD_REPLY, NULL),
    ROW("no target", SRV("\6", "\0\1\0\2\0\3"), DNS_BAD_REPLY, NULL),
    ROW("target cut", SRV("\010", "\0\1\0\2\0\3\1m"), DNS_BAD_REPLY, NULL),
    ROW("target is a pointer to itself", SRV("\010", "\0\1\0\2\0\3\xc0\x2d"),
        DNS_BAD_REPLY, NULL),
    ROW("target is no host name", SRV("\011", "\0\1\0\2\0\3\1\n\0"), DNS_BAD_REPLY, NULL),
#undef ROW
};

static void services_are_whole_or_nothing(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(services); i++) {
        char *bytes = malloc(services[i].n); /* so that sanitizers see its end */
        struct packet_answer answer;

        memcpy(bytes, services[i].bytes, services[i].n);
        ROW_INT(services[i].what,
                packet_read(str_from(bytes, services[i].n), &srv, arena, &answer),
                PACKET_ANSWER);
        ROW_INT(services[i].what, answer.status, services[i].status);
        ROW_INT(services[i].what, answer.n, services[i].text != NULL);
        if (services[i].text)
            ROW_TEXT(services[i].what, dns_record_text(&answer.records[0], arena),
                     services[i].text);
        free(bytes);
    }
    arena_free(arena);
}

static void reads_only_what_is_there(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(packets); i++) {
        struct packet_answer answer;
        /* a copy of just that size, so that a sanitizer sees every byte too far */
        char *copy = malloc(packets[i].n + 1);
        enum packet_kind kind;

        memcpy(copy, packets[i].bytes, packets[i].n);
        kind = packet_read(str_from(copy, packets[i].n), &mx, arena, &answer);
        ROW_INT(packets[i].what, kind, packets[i].kind);
        if (kind == PACKET_ANSWER || kind == PACKET_SERVER)
            ROW_INT(packets[i].what, answer.status, packets[i].status);
        ROW_INT(packets[i].what, answer.n, packets[i].records);
        free(copy);
    }
    arena_free(arena);
}

/* Every prefix, and every single byte changed, of a good packet: no crash, no more
 * records. */
static void survives_damage_everywhere(void **state)
{
    static const char good[] =
        PACKET("\2") "\xc0\x0c\0\017\0\1\0\0\0\1\0\6\0\012\1m\xc0\x0e"
                     "\xc0\x0c\0\017\0\1\0\0\0\1\0\6\0\024\1n\xc0\x0e";
    struct arena *arena = arena_new("test");
    struct packet_answer answer;

    (void)state;
    assert_int_equal(packet_read(str_from(good, sizeof good - 1), &mx, arena, &answer),
                     PACKET_ANSWER);
    assert_int_equal(answer.n, 2);
    for (size_t n = 0; n < sizeof good - 1; n++) {
        char *copy = malloc(n + 1);

        memcpy(copy, good, n);
        if (packet_read(str_from(copy, n), &mx, arena, &answer) == PACKET_ANSWER)
            assert_true(answer.n < 2);
        free(copy);
        arena_reset(arena);
    }
    for (size_t at = 0; at < sizeof good - 1; at++)
        for (int value = 0; value < 256; value++) {
            char *copy = malloc(sizeof good - 1);

            memcpy(copy, good, sizeof good - 1);
            copy[at] = (char)value;
            (void)packet_read(str_from(copy, sizeof good - 1), &mx, arena, &answer);
            assert_true(answer.n <= 2);
            free(copy);
            arena_reset(arena);
        }
    arena_free(arena);
}

static void a_question_is_one_question_with_recursion(void **state)
{
    struct arena *arena = arena_new("test");
    struct str packet = packet_question(&mx, arena);
    static const char want[] = "\x12\x34\x01\x20\0\1\0\0\0\0\0\0\1d\7example\0\0\017\0\1";

    (void)state;
    assert_int_equal(packet.n, sizeof want - 1);
    assert_memory_equal(packet.p, want, packet.n);
    arena_free(arena);
}

/* libldns, which resolvers are built on, judges what we ask and what we read. */
static void libldns_reads_our_question(void **state)
{
    static const char *const names[] = {"d.example", "_smtp._tcp.d.example",
                                        "9.0.0.127.in-addr.arpa", "a\\.b.example", "."};
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        const struct packet_asked asked = {names[i], DNS_TXT, 7};
        struct str question = packet_question(&asked, arena);
        ldns_rdf *want = ldns_dname_new_frm_str(names[i]);
        ldns_pkt *packet;
        ldns_rr *rr;

        assert_int_equal(ldns_wire2pkt(&packet, (const uint8_t *)question.p, question.n),
                         LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_id(packet), 7);
        assert_true(ldns_pkt_rd(packet) && ldns_pkt_ad(packet) && !ldns_pkt_qr(packet));
        assert_int_equal(ldns_pkt_qdcount(packet), 1);
        rr = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
        assert_int_equal(ldns_rr_get_type(rr), LDNS_RR_TYPE_TXT);
        assert_int_equal(ldns_dname_compare(ldns_rr_owner(rr), want), 0);
        ldns_rdf_deep_free(want);
        ldns_pkt_free(packet);
    }
    arena_free(arena);
}

static void reads_an_answer_that_libldns_compressed(void **state)
{
    static const char *const records[] = {
        "d.example. 300 IN MX 10 mx1.d.example.",
        "d.example. 200 IN MX 20 mx2.sub.d.example.",
        "d.example. 300 IN MX 30 mail.elsewhere.test.",
    };
    struct arena *arena = arena_new("test");
    ldns_pkt *packet = ldns_pkt_query_new(ldns_dname_new_frm_str("d.example"),
                                          LDNS_RR_TYPE_MX, LDNS_RR_CLASS_IN, LDNS_RD);
    struct packet_answer answer;
    uint8_t *wire;
    size_t n;

    (void)state;
    ldns_pkt_set_id(packet, mx.id);
    ldns_pkt_set_qr(packet, true);
    for (size_t i = 0; i < ROWS(records); i++) {
        ldns_rr *rr;

        assert_int_equal(ldns_rr_new_frm_str(&rr, records[i], 0, NULL, NULL), 0);
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr);
    }
    assert_int_equal(ldns_pkt2wire(&wire, packet, &n), LDNS_STATUS_OK);
    assert_int_equal(packet_read(str_from((char *)wire, n), &mx, arena, &answer),
                     PACKET_ANSWER);
    assert_int_equal(answer.status, DNS_FOUND);
    assert_int_equal(answer.n, 3);
    assert_string_equal(answer.records[0].target, "mx1.d.example");
    assert_string_equal(answer.records[1].target, "mx2.sub.d.example");
    assert_string_equal(answer.records[2].target, "mail.elsewhere.test");
    assert_int_equal(answer.records[1].preference, 20);
    assert_int_equal(answer.records[1].ttl, 200);
    free(wire);
    ldns_pkt_free(packet);
    arena_free(arena);
}

#define NO_NAME(authorities)                                                             \
    "\x12\x34\x81\x83\0\1\0\0\0" authorities "\0\0"                                      \
    "\1d\7example\0\0\017\0\1"
#define SOA(ttl, minimum)                                                                \
    "\xc0\x0c\0\6\0\1\0\0\0" ttl "\0\x16\0\0"                                            \
    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0" minimum

static const struct {
    const char *what, *bytes;
    size_t n;
    int64_t ttl;
} negatives[] = {
#define ROW(what, bytes, ttl)                                                            \
    {                                                                                    \
        what, bytes, sizeof(bytes) - 1, ttl                                              \
    }
    ROW("no authority", NO_NAME("\0"), -1),
    ROW("the minimum is less", NO_NAME("\1") SOA("\x3c", "\x1e"), 30),
    ROW("the time of the record is less", NO_NAME("\1") SOA("\x0a", "\x1e"), 10),
    ROW("cut", NO_NAME("\1") "\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x16\0\0", -1),
    ROW("of no numbers", NO_NAME("\1") "\xc0\x0c\0\6\0\1\0\0\0\x3c\0\2\0\0", -1),
#undef ROW
};

/* RFC 2308 section 5 */
static void what_is_not_there_holds_as_long_as_the_zone_says(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(negatives); i++) {
        struct packet_answer answer;

        ROW_INT(negatives[i].what,
                packet_read(str_from(negatives[i].bytes, negatives[i].n), &mx, arena,
                            &answer),
                PACKET_ANSWER);
        ROW_INT(negatives[i].what, answer.status, DNS_NO_NAME);
        ROW_INT(negatives[i].what, answer.negative_ttl, negatives[i].ttl);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_holds_as_long_as_the_zone_says),
        cmocka_unit_test(services_are_whole_or_nothing),
        cmocka_unit_test(reads_only_what_is_there),
        cmocka_unit_test(survives_damage_everywhere),
        cmocka_unit_test(a_question_is_one_question_with_recursion),
        cmocka_unit_test(libldns_reads_our_question),
        cmocka_unit_test(reads_an_answer_that_libldns_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
