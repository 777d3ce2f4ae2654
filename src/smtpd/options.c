/*
 * Which ESMTP parameters are known, where they may stand, and what they may
 * say. Each may be given once. A keyword that is not announced
 * (smtpd_discard_ehlo_keywords) is not accepted either.
 */
#include "smtpd/options.h"

#include "mail/xtext.h"
#include "queue/envelope.h"
#include "util/log.h"

#include <stdint.h>

/* RFC 3461 sections 4.2 and 4.4: encoded, an ORCPT has up to 500 and an ENVID up to 100
 * bytes. */
enum { XTEXT_MAX = 500 };

struct taking {
    struct session *session;
    struct options *options;
};

static bool refuse(const struct taking *taking, enum reply reply)
{
    session_reply(taking->session, reply);
    return false;
}

static bool take_size(const struct taking *taking, struct str value)
{
    unsigned long long size;

    if (value.n == 0 || str_span(value, "0123456789") != value.n)
        return refuse(taking, REPLY_BAD_SIZE);
    if (!str_number(value, INT64_MAX, &size))
        return refuse(taking, REPLY_SIZE_TOO_LARGE);
    taking->options->size = (long long)size;
    return true;
}

static bool take_body(const struct taking *taking, struct str value)
{
    if (str_is_nocase(value, "8BITMIME"))
        taking->options->encoding = "8bit";
    else if (str_is_nocase(value, "7BIT"))
        taking->options->encoding = "7bit";
    else {
        session_reply(
            taking->session, REPLY_UNSUPPORTED,
            arena_printf(taking->session->command, "BODY=%.*s", (int)value.n, value.p));
        return false;
    }
    return true;
}

static bool take_ret(const struct taking *taking, struct str value)
{
    if (taking->options->ret)
        return refuse(taking, REPLY_BAD_RET);
    if (str_is_nocase(value, "FULL"))
        taking->options->ret = RET_FULL;
    else if (str_is_nocase(value, "HDRS"))
        taking->options->ret = RET_HEADERS;
    else
        return refuse(taking, REPLY_BAD_RET);
    return true;
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
            return false;
    return true;
}

/* The text of an xtext value, or NULL. Control characters would end up in log and queue
 * records. */
static const char *decoded(const struct taking *taking, struct str value,
                           int (*decode)(struct buf *out, struct str s))
{
    struct buf text;
    const char *result = NULL;

    if (value.n > XTEXT_MAX)
        return NULL;
    buf_init(&text, XTEXT_MAX);
    if (decode(&text, value) == 0 && is_printable(buf_str(&text)))
        result = arena_copy_str(taking->session->transaction.arena, buf_str(&text));
    buf_done(&text);
    return result;
}

static bool take_envid(const struct taking *taking, struct str value)
{
    const char *text = value.n ? decoded(taking, value, xtext_decode) : NULL;

    if (!text || taking->options->envelope_id)
        return refuse(taking, REPLY_BAD_ENVID);
    taking->options->envelope_id = text;
    return true;
}

static const struct {
    const char *word;
    int bit;
} notify_words[] = {
    {"NEVER", NOTIFY_NEVER},
    {"SUCCESS", NOTIFY_SUCCESS},
    {"FAILURE", NOTIFY_FAILURE},
    {"DELAY", NOTIFY_DELAY},
};

static int notify_bit(struct str word)
{
    for (size_t i = 0; i < COUNT(notify_words); i++)
        if (str_is_nocase(word, notify_words[i].word))
            return notify_words[i].bit;
    return 0;
}

/* NEVER stands alone; the others may be combined. */
static bool take_notify(const struct taking *taking, struct str value)
{
    int bits = 0;

    if (taking->options->notify)
        return refuse(taking, REPLY_BAD_NOTIFY);
    for (struct str word; (word = str_word(&value, ",")).n;) {
        int bit = notify_bit(word);

        if (bit == 0 || (bits && (bit | bits) & NOTIFY_NEVER))
            return refuse(taking, REPLY_BAD_NOTIFY);
        bits |= bit;
    }
    if (bits == 0)
        return refuse(taking, REPLY_BAD_NOTIFY);
    taking->options->notify = bits;
    return true;
}

/* "rfc822;xtext", or "utf-8;" with the encoding of RFC 6533 section 3. */
static bool take_orcpt(const struct taking *taking, struct str value)
{
    struct str address = value;
    struct str type = str_until(&address, ';');
    bool utf8 = str_is_nocase(type, "utf-8");
    const char *text;

    if (type.n == 0 || type.n == value.n || taking->options->orcpt)
        return refuse(taking, REPLY_BAD_ORCPT);
    text = decoded(taking, address, utf8 ? xtext_decode_utf8_address : xtext_decode);
    if (!text)
        return refuse(taking, REPLY_BAD_ORCPT);
    taking->options->orcpt = arena_printf(taking->session->transaction.arena, "%.*s;%s",
                                          (int)type.n, type.p, text);
    return true;
}

/* compat: kept as it came, for logs, filters and policies, from whomever; "<>" is nobody.
 */
static bool take_auth(const struct taking *taking, struct str value)
{
    char *text = arena_copy_str(taking->session->transaction.arena, value);

    if (taking->options->sasl_sender)
        return refuse(taking, REPLY_AUTH_REPEATED);
    log_make_printable(text);
    taking->options->sasl_sender = text;
    return true;
}

/* clang-format off */
static const struct option {
    const char *name;
    int commands;
    const char *keyword; /* what EHLO must have announced */
    bool (*take)(const struct taking *taking, struct str value);
} known[] = {
    {"SIZE",   OPTION_MAIL, "SIZE",     take_size},
    {"BODY",   OPTION_MAIL, "8BITMIME", take_body},
    {"RET",    OPTION_MAIL, "DSN",      take_ret},
    {"ENVID",  OPTION_MAIL, "DSN",      take_envid},
    {"AUTH",   OPTION_MAIL, "AUTH",     take_auth},
    {"NOTIFY", OPTION_RCPT, "DSN",      take_notify},
    {"ORCPT",  OPTION_RCPT, "DSN",      take_orcpt},
};
/* clang-format on */

static const struct option *find(int command, struct str name)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if ((known[i].commands & command) && str_is_nocase(name, known[i].name))
            return &known[i];
    return NULL;
}

static bool is_discarded(const struct session *session, const struct option *option)
{
    return texts_has(&session->discarded_keywords, str_of(option->keyword), true);
}

bool options_take(struct session *session, int command, struct str words,
                  struct options *ret)
{
    const struct taking taking = {session, ret};

    *ret = (struct options){0};
    for (struct str word; (word = str_word(&words, " \t")).n;) {
        struct str value = word;
        struct str name = str_until(&value, '=');
        const struct option *option = name.n < word.n ? find(command, name) : NULL;

        if (option && is_discarded(session, option) &&
            strcmp(option->keyword, "DSN") == 0)
            return refuse(&taking, REPLY_NO_DSN);
        if (!option || is_discarded(session, option)) {
            session_reply(session, REPLY_UNSUPPORTED,
                          arena_copy_str(session->command, word));
            return false;
        }
        if (!option->take(&taking, value))
            return false;
    }
    return true;
}
