/*
 * Adds the headers that RFC 5322 section 3.6 demands and the message lacks:
 * in mail from here, and in all mail when main.cf says so. With Resent-
 * headers it is their forms that are missing.
 */
#include "cleanup/cleanup.h"

#include "mail/address.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/utf8.h"

static bool lacks(const struct message *m, enum header_id id)
{
    return !(m->headers & (1ULL << id));
}

static void add(struct message *m, const char *name, const struct buf *body)
{
    struct buf out;

    buf_init(&out, RECORD_DATA_MAX * 2);
    header_add(&out, arena_printf(m->scratch, "%s%s", m->resent ? "Resent-" : "", name),
               buf_str(body));
    content_add_header(m, buf_str(&out));
    buf_done(&out);
}

static void add_message_id(struct message *m, struct buf *body)
{
    buf_add_char(body, '<');
    if (!m->cleaner->spool.long_ids) {
        date_add_utc_digits(body, m->arrival.tv_sec);
        buf_add_char(body, '.');
    }
    buf_printf(body, "%s@%s>", m->draft.id, m->cleaner->conf->myhostname);
    add(m, "Message-Id", body);
    maillog_message_id(m->draft.id, m->resent, buf_text(body));
    if (!m->resent)
        m->headers |= 1ULL << HEADER_MESSAGE_ID;
}

static void add_date(struct message *m, struct buf *body)
{
    date_add_header(body, m->arrival.tv_sec);
    add(m, "Date", body);
}

/* A phrase (RFC 5322 section 3.2.5): encoded beyond ASCII, quoted when it holds anything
 * special. */
static void add_phrase(struct buf *out, const char *name, const char *charset)
{
    if (*charset && !utf8_is_ascii(str_of(name))) {
        encoded_word_add(out, charset, str_of(name));
        return;
    }
    if (!strpbrk(name, "\"(),:;<>@[\\].")) {
        buf_add_text(out, name);
        return;
    }
    buf_add_char(out, '"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *name);
    }
    buf_add_char(out, '"');
}

static void add_from(struct message *m, struct buf *body)
{
    const char *sender =
        *m->sender ? address_external(m->scratch, str_of(m->sender)) : "MAILER-DAEMON";
    const char *name = m->full_name && *m->sender ? m->full_name : "";
    bool standard = strcmp(m->cleaner->conf->header_from_format, "obsolete") != 0;

    if (!*name) {
        buf_add_text(body, sender);
    } else if (standard) {
        add_phrase(body, name, m->cleaner->conf->full_name_encoding_charset);
        buf_printf(body, " <%s>", sender);
    } else {
        buf_printf(body, "%s (%s)", sender, name);
    }
    add(m, "From", body);
}

static void add_undisclosed(struct message *m)
{
    const char *header = m->cleaner->conf->undisclosed_recipients_header;

    if (*header && lacks(m, HEADER_TO) && lacks(m, HEADER_CC) &&
        lacks(m, HEADER_RESENT_TO) && lacks(m, HEADER_RESENT_CC))
        content_add_header(m, str_of(header));
}

/* So that the wish survives a content filter. */
static void add_requiretls(struct message *m)
{
    const struct conf *conf = m->cleaner->conf;

    if ((m->flags & SUBMIT_REQUIRETLS) && conf->requiretls_enable &&
        conf->requiretls_esmtp_header && lacks(m, HEADER_REQUIRE_TLS_ESMTP))
        content_add_header(m, STR("Require-TLS-ESMTP: yes"));
}

void header_complete(struct message *m)
{
    const struct {
        enum header_id plain, resent;
        void (*add)(struct message *m, struct buf *body);
    } rows[] = {
        {HEADER_MESSAGE_ID, HEADER_RESENT_MESSAGE_ID, add_message_id},
        {HEADER_DATE, HEADER_RESENT_DATE, add_date},
        {HEADER_FROM, HEADER_RESENT_FROM, add_from},
    };
    bool wanted = m->header_rules || m->cleaner->conf->always_add_missing_headers;
    struct buf body;

    buf_init(&body, RECORD_DATA_MAX * 2);
    for (size_t i = 0; wanted && i < COUNT(rows); i++) {
        buf_reset(&body);
        if (lacks(m, m->resent ? rows[i].resent : rows[i].plain))
            rows[i].add(m, &body);
    }
    buf_done(&body);
    if (wanted)
        add_undisclosed(m);
    add_requiretls(m);
    if (lacks(m, HEADER_MESSAGE_ID))
        maillog_message_id(m->draft.id, false, NULL);
}
