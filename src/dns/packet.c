/*
 * Reading and writing DNS packets. libc makes and reads the names, with their
 * compression (ns_name_pton, dn_expand); headers and data are read here, record
 * by record, so that one malformed record costs only itself.
 *
 * CNAMEs are followed inside the packet, in whatever order they stand. Only
 * when the chain leaves the packet must the next name be asked for.
 */
#include "dns/packet.h"

#include <arpa/nameser.h>
#include <resolv.h>

/* RFC 1035 section 4.1.1: where the header ends, flags of its third and fourth byte */
enum {
    HEADER_BYTES = 12,
    FLAG_ANSWER = 0x80,
    FLAG_TRUNCATED = 0x02,
    FLAG_RECURSE = 0x01,
    FLAG_AUTHENTIC = 0x20,
};
enum { OPCODE = 0x78, RCODE = 0x0f };
enum { TYPE_SOA = 6, CLASS_IN = 1 };

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

/* Bytes of a name that ns_name_pton made. */
static size_t name_length(const uint8_t *name)
{
    size_t n = 0;

    while (name[n] != 0)
        n += 1 + (size_t)name[n];
    return n + 1;
}

struct str packet_question(const struct packet_asked *asked, struct arena *arena)
{
    uint8_t name[NS_MAXCDNAME];
    uint8_t *packet;
    size_t n;

    if (ns_name_pton(asked->name, name, sizeof(name)) < 0)
        return STR_NONE;
    n = name_length(name);
    packet = arena_alloc(arena, HEADER_BYTES + n + 4);
    memset(packet, 0, HEADER_BYTES);
    put16(packet, asked->id);
    packet[2] = FLAG_RECURSE;
    packet[3] = FLAG_AUTHENTIC; /* RFC 6840 section 5.7: tell us what was validated */
    put16(packet + 4, 1);       /* questions */
    memcpy(packet + HEADER_BYTES, name, n);
    put16(packet + HEADER_BYTES + n, asked->type);
    put16(packet + HEADER_BYTES + n + 2, CLASS_IN);
    return str_from((char *)packet, HEADER_BYTES + n + 4);
}

/* Where we are in a packet. */
struct cursor {
    const uint8_t *p;
    size_t n, at;
};

/* Read a name; NULL when malformed. No final dot; "" is the root. */
static const char *take_name(struct cursor *c, struct arena *arena)
{
    char text[NS_MAXDNAME];
    int n;

    if (c->at >= c->n)
        return NULL;
    n = dn_expand(c->p, c->p + c->n, c->p + c->at, text, sizeof(text));
    if (n < 0)
        return NULL;
    c->at += (size_t)n;
    return arena_copy(arena, text);
}

static bool same_name(const char *a, const char *b)
{
    struct str x = str_of(a), y = str_of(b);

    if (x.n > 0 && x.p[x.n - 1] == '.')
        x.n--;
    if (y.n > 0 && y.p[y.n - 1] == '.')
        y.n--;
    return str_eq_nocase(x, y);
}

/* One resource record, still raw. */
struct raw {
    const char *name;
    unsigned type, class;
    uint32_t ttl;
    size_t at, n; /* its data in the packet */
};

static bool take_raw(struct cursor *c, struct arena *arena, struct raw *ret)
{
    const uint8_t *fixed;

    ret->name = take_name(c, arena);
    if (ret->name == NULL || c->n - c->at < 10)
        return false;
    fixed = c->p + c->at;
    ret->type = get16(fixed);
    ret->class = get16(fixed + 2);
    ret->ttl = get32(fixed + 4);
    ret->n = get16(fixed + 8);
    ret->at = c->at + 10;
    if (ret->n > c->n - ret->at)
        return false;
    c->at = ret->at + ret->n;
    if (ret->ttl > INT32_MAX) /* RFC 2181 section 8 */
        ret->ttl = 0;
    return true;
}

/* A name that ends exactly where the data of the record ends. */
static bool read_target(struct cursor c, const struct raw *raw, size_t skip,
                        struct arena *arena, const char **ret)
{
    if (raw->n <= skip)
        return false;
    c.at = raw->at + skip;
    *ret = take_name(&c, arena);
    return *ret != NULL && c.at == raw->at + raw->n;
}

/* The strings of a TXT record, joined (RFC 1035 section 3.3.14). */
static bool read_text(const uint8_t *p, size_t n, struct arena *arena, struct str *ret)
{
    char *joined = arena_alloc(arena, n);
    size_t used = 0;

    if (n == 0)
        return false;
    for (size_t at = 0; at < n; at += 1 + (size_t)p[at]) {
        if (p[at] > n - at - 1)
            return false;
        memcpy(joined + used, p + at + 1, p[at]);
        used += p[at];
    }
    *ret = str_from(joined, used);
    return true;
}

static bool read_address(const uint8_t *p, size_t n, enum dns_type type,
                         struct netaddr *ret)
{
    struct netaddr plain;

    *ret = (struct netaddr){.family = type == DNS_A ? NETADDR_IPV4 : NETADDR_IPV6};
    if (n != netaddr_size(ret))
        return false;
    memcpy(ret->bytes, p, n);
    if (type == DNS_AAAA) { /* a mapped address takes its one form */
        char text[NETADDR_TEXT];

        if (netaddr_parse(str_of(netaddr_text(ret, text)), &plain))
            *ret = plain;
    }
    return true;
}

static bool mail_host_is_valid(const char *target)
{
    struct netaddr unused;

    /* compat: MX records that point to an address are wrong, but seen and served */
    return *target == '\0' || dns_host_is_valid(target) ||
           netaddr_parse(str_of(target), &unused);
}

/* Turn a raw record of a type that we know into a usable one; false when it is malformed.
 */
static bool read_record(struct cursor c, const struct raw *raw, struct arena *arena,
                        struct dns_record *ret)
{
    const uint8_t *data = c.p + raw->at;

    *ret = (struct dns_record){
        .type = (enum dns_type)raw->type, .ttl = raw->ttl, .name = raw->name};
    switch (ret->type) {
    case DNS_A:
    case DNS_AAAA:
        return read_address(data, raw->n, ret->type, &ret->address);
    case DNS_MX:
        if (!read_target(c, raw, 2, arena, &ret->target))
            return false;
        ret->preference = get16(data);
        return mail_host_is_valid(ret->target);
    case DNS_SRV:
        if (!read_target(c, raw, 6, arena, &ret->target))
            return false;
        ret->preference = get16(data);
        ret->weight = get16(data + 2);
        ret->port = get16(data + 4);
        return *ret->target == '\0' || dns_host_is_valid(ret->target);
    case DNS_NS:
    case DNS_CNAME:
        return read_target(c, raw, 0, arena, &ret->target) &&
               dns_name_is_valid(ret->target);
    case DNS_PTR: /* what is no host name is for the caller to judge */
        return read_target(c, raw, 0, arena, &ret->target) && *ret->target != '\0';
    case DNS_TXT:
        return read_text(data, raw->n, arena, &ret->text);
    }
    return false;
}

/* What the answer section holds, sorted by use. */
struct harvest {
    struct dns_record *wanted, *aliases;
    size_t n_wanted, n_aliases;
    bool malformed; /* a record that we needed was */
};

static void harvest_one(struct cursor c, const struct raw *raw, enum dns_type type,
                        struct arena *arena, struct harvest *h)
{
    struct dns_record record;
    bool wanted = raw->type == (unsigned)type;

    if (raw->class != CLASS_IN || (!wanted && raw->type != DNS_CNAME))
        return;
    if (!read_record(c, raw, arena, &record))
        h->malformed = true;
    else if (wanted && h->n_wanted < DNS_RECORDS_MAX)
        h->wanted[h->n_wanted++] = record;
    else if (!wanted && h->n_aliases < DNS_RECORDS_MAX)
        h->aliases[h->n_aliases++] = record;
}

static void harvest_answers(struct cursor *c, unsigned count, enum dns_type type,
                            struct arena *arena, struct harvest *h)
{
    size_t room = count < DNS_RECORDS_MAX ? count : DNS_RECORDS_MAX;
    struct raw raw;

    h->wanted = arena_array(arena, room, sizeof *h->wanted);
    h->aliases = arena_array(arena, room, sizeof *h->aliases);
    for (unsigned i = 0; i < count; i++) {
        if (!take_raw(c, arena, &raw)) {
            h->malformed = true;
            c->at = c->n; /* nothing behind it can be found */
            return;
        }
        harvest_one(*c, &raw, type, arena, h);
    }
}

enum { SOA_NUMBERS = 20 }; /* bytes behind the two names; the last four are its minimum */

/* A SOA in the authority section: the server knows the zone, and says that it has no
 * more; and for how long that holds (RFC 2308 section 5). */
static bool authority_has_soa(struct cursor *c, struct arena *arena,
                              struct packet_answer *answer)
{
    unsigned count = get16(c->p + 8);
    struct raw raw;

    for (unsigned i = 0; i < count && i < DNS_RECORDS_MAX; i++) {
        if (!take_raw(c, arena, &raw))
            return false;
        if (raw.type != TYPE_SOA)
            continue;
        if (raw.n > SOA_NUMBERS) {
            uint32_t minimum = get32(c->p + raw.at + raw.n - 4);

            answer->negative_ttl = minimum < raw.ttl ? minimum : raw.ttl;
        }
        return true;
    }
    return false;
}

/* Follow the aliases from name as far as the packet knows; false when there are too many.
 */
static bool follow_aliases(const struct harvest *h, struct packet_answer *answer)
{
    for (;;) {
        const struct dns_record *next = NULL;

        for (size_t i = 0; i < h->n_aliases && next == NULL; i++)
            if (same_name(h->aliases[i].name, answer->name))
                next = &h->aliases[i];
        if (next == NULL)
            return true;
        if (++answer->aliases > DNS_CNAME_MAX)
            return false;
        answer->name = next->target;
        if (next->ttl < answer->ttl)
            answer->ttl = next->ttl;
    }
}

static void keep_records_of(const struct harvest *h, struct packet_answer *answer)
{
    answer->records = h->wanted;
    answer->n = 0;
    for (size_t i = 0; i < h->n_wanted; i++) {
        if (!same_name(h->wanted[i].name, answer->name))
            continue;
        answer->records[answer->n] = h->wanted[i];
        if (answer->ttl < answer->records[answer->n].ttl)
            answer->records[answer->n].ttl = answer->ttl;
        answer->n++;
    }
}

static enum packet_kind end(struct packet_answer *answer, enum packet_kind kind,
                            enum dns_status status)
{
    answer->status = status;
    return kind;
}

static enum packet_kind read_sections(struct cursor *c, const struct packet_asked *asked,
                                      struct arena *arena, struct packet_answer *ret)
{
    struct harvest h = {0};
    unsigned rcode = c->p[3] & RCODE;

    harvest_answers(c, get16(c->p + 6), asked->type, arena, &h);
    if (!follow_aliases(&h, ret))
        return end(ret, PACKET_ANSWER, DNS_NO_NAME);
    if (rcode == ns_r_nxdomain) {
        (void)authority_has_soa(c, arena, ret);
        return end(ret, PACKET_ANSWER, DNS_NO_NAME);
    }
    keep_records_of(&h, ret);
    if (ret->n > 0)
        return end(ret, PACKET_ANSWER, DNS_FOUND);
    if (h.malformed)
        return end(ret, PACKET_ANSWER, DNS_BAD_REPLY);
    if (!authority_has_soa(c, arena, ret) && ret->aliases > 0)
        return PACKET_ALIAS;
    return end(ret, PACKET_ANSWER, DNS_NO_DATA);
}

/* The one question of the packet must be ours. */
static bool repeats_question(struct cursor *c, const struct packet_asked *asked,
                             struct arena *arena)
{
    const char *name;

    if (get16(c->p + 4) != 1)
        return false;
    name = take_name(c, arena);
    if (name == NULL || c->n - c->at < 4 || !same_name(name, asked->name))
        return false;
    c->at += 4;
    return get16(c->p + c->at - 4) == asked->type && get16(c->p + c->at - 2) == CLASS_IN;
}

enum packet_kind packet_read(struct str packet, const struct packet_asked *asked,
                             struct arena *arena, struct packet_answer *ret)
{
    struct cursor c = {(const uint8_t *)packet.p, packet.n, HEADER_BYTES};

    *ret = (struct packet_answer){
        .name = asked->name, .ttl = UINT32_MAX, .negative_ttl = -1};
    if (c.n < HEADER_BYTES || get16(c.p) != asked->id || !(c.p[2] & FLAG_ANSWER) ||
        (c.p[2] & OPCODE) != 0)
        return PACKET_FOREIGN;
    if (!repeats_question(&c, asked, arena))
        /* servers that cannot read a question do not repeat it */
        return (c.p[3] & RCODE) == ns_r_formerr ? end(ret, PACKET_SERVER, DNS_REFUSED)
                                                : PACKET_FOREIGN;
    ret->authentic = c.p[3] & FLAG_AUTHENTIC;
    switch (c.p[3] & RCODE) {
    case ns_r_noerror:
    case ns_r_nxdomain:
        if (c.p[2] & FLAG_TRUNCATED)
            return PACKET_TRUNCATED;
        return read_sections(&c, asked, arena, ret);
    case ns_r_servfail:
        return end(ret, PACKET_SERVER, DNS_TRY_AGAIN);
    default:
        return end(ret, PACKET_SERVER, DNS_REFUSED);
    }
}
