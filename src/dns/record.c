/*
 * The words for answers, and which names may be asked for or believed. A name
 * in a resource record is foreign input: what is no host name would travel on
 * into log lines, access lists and headers.
 */
#include "dns/record.h"

#include "net/netaddr.h"

const char *dns_type_text(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_CNAME:
        return "CNAME";
    case DNS_PTR:
        return "PTR";
    case DNS_MX:
        return "MX";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    case DNS_SRV:
        return "SRV";
    }
    return "unknown";
}

const char *dns_status_text(enum dns_status status)
{
    switch (status) {
    case DNS_FOUND:
        return "Host found";
    case DNS_NO_NAME:
        return "Host not found";
    case DNS_NO_DATA:
        return "Host found but no data record of requested type";
    case DNS_TRY_AGAIN:
        return "Host not found, try again";
    case DNS_REFUSED:
        return "Non-recoverable error";
    case DNS_BAD_REPLY:
        return "Malformed or unexpected name server reply";
    case DNS_BAD_NAME:
        return "Malformed domain name";
    case DNS_FILTERED:
        return "DNS reply filter drops all results";
    case DNS_UNFILTERED:
        return "Invalid DNS reply filter syntax";
    }
    return "Unknown error";
}

bool dns_status_is_temporary(enum dns_status status)
{
    return status == DNS_TRY_AGAIN || status == DNS_REFUSED || status == DNS_BAD_REPLY ||
           dns_status_is_of_filter(status);
}

const char *dns_explain(const struct dns_question *question, struct arena *arena)
{
    const char *what = dns_status_is_of_filter(question->status)
                           ? "Error looking up"
                           : "Host or domain name not found. Name service error for";

    return arena_printf(arena, "%s name=%s type=%s: %s", what, question->name,
                        dns_type_text(question->type), dns_status_text(question->status));
}

static const char *value_text(const struct dns_record *record, struct arena *arena)
{
    char address[NETADDR_TEXT];

    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        return arena_copy(arena, netaddr_text(&record->address, address));
    case DNS_TXT:
        return arena_printf(arena, "%.*s", STR_ARG(record->text));
    case DNS_MX:
        return arena_printf(arena, "%u %s.", record->preference, record->target);
    case DNS_SRV:
        return arena_printf(arena, "%u %u %u %s.", record->preference, record->weight,
                            record->port, record->target);
    default:
        return arena_printf(arena, "%s.", record->target);
    }
}

const char *dns_record_text(const struct dns_record *record, struct arena *arena)
{
    return arena_printf(arena, "%s. %u IN %s %s", record->name, record->ttl,
                        dns_type_text(record->type), value_text(record, arena));
}

static bool labels_are_valid(struct str name, bool (*is_valid)(char c))
{
    size_t label = 0;

    if (name.n == 0 || name.n > 253)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!is_valid(name.p[i]) || ++label > 63) {
            return false;
        }
    }
    return label > 0;
}

static bool may_be_asked(char c)
{
    return c > ' ' && c < 0x7f && !strchr("\\\"();@$", c);
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

bool dns_name_is_valid(const char *name)
{
    struct str s = str_of(name);

    if (s.n > 1 && s.p[s.n - 1] == '.')
        s.n--;
    return labels_are_valid(s, may_be_asked);
}

bool dns_host_is_valid(const char *name)
{
    struct str s = str_of(name);

    if (!labels_are_valid(s, is_host_byte) || name[0] == '-' || strstr(name, ".-") ||
        strstr(name, "-.") || name[s.n - 1] == '-')
        return false;
    return str_span(s, "0123456789.") < s.n;
}
