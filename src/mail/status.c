/*
 * Decides what counts as an enhanced status code, and which one a reply or an
 * exit status stands for. Codes come from other servers and from tables, so
 * nothing is assumed about what follows them.
 */
#include "mail/status.h"

#include "util/format.h"

static size_t digits(struct str text)
{
    return str_span(text, "0123456789");
}

size_t status_length(struct str text)
{
    size_t subject, detail;

    if (text.n < 5 || strchr("245", text.p[0]) == NULL || text.p[0] == '\0' ||
        text.p[1] != '.')
        return 0;
    subject = digits(str_tail(text, 2));
    if (subject < 1 || subject > 3 || 2 + subject >= text.n || text.p[2 + subject] != '.')
        return 0;
    detail = digits(str_tail(text, 3 + subject));
    if (detail < 1 || detail > 3)
        return 0;
    size_t n = 3 + subject + detail;
    return n == text.n || text.p[n] == ' ' || text.p[n] == '\t' ? n : 0;
}

bool status_is_valid(struct str text)
{
    return text.n > 0 && status_length(text) == text.n;
}

static void copy_status(char *to, struct str from)
{
    format_text(to, STATUS_MAX, "%.*s", STR_ARG(from));
}

struct status_split status_split(struct str text, const char *fallback)
{
    size_t n = status_length(text);
    struct status_split split = {.text = str_trim(str_tail(text, n))};

    copy_status(split.status, n ? str_head(text, n) : str_of(fallback));
    return split;
}

void status_set_class(char *status, char class_digit)
{
    if (status[0] != '\0')
        status[0] = class_digit;
}

struct status_split status_of_reply(int code, struct str text)
{
    char fallback[STATUS_MAX];
    struct status_split split;
    int class = code / 100;

    if (class != 2 && class != 4 && class != 5)
        return status_split(text, "5.5.0");
    format_text(fallback, sizeof(fallback), "%d.0.0", class);
    split = status_split(text, fallback);
    if (split.status[0] != fallback[0])
        copy_status(split.status, str_of(fallback));
    return split;
}

const struct status_exit *status_of_exit(int code)
{
    /* sysexits(3) */
    static const struct status_exit exits[] = {
        {64, "5.3.0", "command line usage error"},
        {65, "5.6.0", "data format error"},
        {66, "5.3.0", "cannot open input"},
        {67, "5.1.1", "user unknown"},
        {68, "5.1.2", "host name unknown"},
        {69, "5.3.0", "service unavailable"},
        {70, "5.3.0", "internal software error"},
        {71, "4.3.0", "system resource problem"},
        {72, "5.3.0", "critical OS file missing"},
        {73, "5.2.0", "can't create user output file"},
        {74, "5.3.0", "input/output error"},
        {75, "4.3.0", "temporary failure"},
        {76, "5.5.0", "remote error in protocol"},
        {77, "5.7.0", "permission denied"},
        {78, "5.3.5", "local configuration error"},
    };

    if (code < exits[0].code || code > exits[COUNT(exits) - 1].code)
        return NULL;
    return &exits[code - exits[0].code];
}
