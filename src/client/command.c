/*
 * MAIL and RCPT with the parameters that the server offered to understand.
 */
#include "client/command.h"

#include "mail/address.h"
#include "mail/xtext.h"

static void write_address(struct session *session, const char *address)
{
    struct buf out;

    buf_init(&out, 3 * ADDRESS_MAX);
    if (session->settings->quote_rfc821_envelope)
        address_add_external(&out, str_of(address));
    else
        buf_add_text(&out, address);
    stream_write(session->stream, out.p, out.n);
    buf_done(&out);
}

static void write_xtext(struct session *session, const char *parameter, struct str text)
{
    struct buf out;

    buf_init(&out, 1 << 16);
    buf_add_text(&out, parameter);
    xtext_add(&out, text);
    stream_write(session->stream, out.p, out.n);
    buf_done(&out);
}

/* Conversion to 7 bits makes the message larger, nobody knows how much. */
static bool size_is_known(const struct session *session)
{
    return session->features & FEATURE_8BITMIME || !session->settings->convert;
}

void command_mail(struct session *session, const struct transaction *t)
{
    struct stream *stream = session->stream;
    unsigned features = session->features;

    stream_write_text(stream, "MAIL FROM:<");
    write_address(session, t->sender);
    stream_write_text(stream, ">");
    if ((features & FEATURE_SIZE) && t->size > 0 && size_is_known(session))
        stream_printf(stream, " SIZE=%lld", t->size);
    if ((features & FEATURE_8BITMIME) && t->encoding != ENCODING_UNKNOWN)
        stream_write_text(stream,
                          t->encoding == ENCODING_8BIT ? " BODY=8BITMIME" : " BODY=7BIT");
    if ((features & FEATURE_DSN) && t->envelope_id[0] != '\0')
        write_xtext(session, " ENVID=", str_of(t->envelope_id));
    if ((features & FEATURE_DSN) && (t->ret_full || t->ret_headers))
        stream_write_text(stream, t->ret_full ? " RET=FULL" : " RET=HDRS");
    if ((features & FEATURE_SMTPUTF8) && t->utf8)
        stream_write_text(stream, " SMTPUTF8");
    stream_write_text(stream, "\r\n");
}

static void write_notify(struct session *session, int notify)
{
    static const struct {
        int bit;
        const char *word;
    } words[] = {{1, "NEVER"}, {2, "SUCCESS"}, {4, "FAILURE"}, {8, "DELAY"}};
    const char *before = " NOTIFY=";

    for (size_t i = 0; i < COUNT(words); i++)
        if (notify & words[i].bit) {
            stream_printf(session->stream, "%s%s", before, words[i].word);
            before = ",";
        }
}

/* "rfc822;joe@example": the type goes as it is, the address encoded as RFC 3461 section
 * 4.2, or for "utf-8" RFC 6533 section 3, has it. */
static void write_orcpt(struct session *session, struct str orcpt)
{
    struct str address = orcpt, type = str_until(&address, ';');
    struct buf out;

    if (address.n == 0)
        return;
    buf_init(&out, 1 << 16);
    buf_printf(&out, " ORCPT=%.*s;", STR_ARG(type));
    if (str_is_nocase(type, "utf-8"))
        xtext_add_utf8_address(&out, address);
    else
        xtext_add(&out, address);
    stream_write(session->stream, out.p, out.n);
    buf_done(&out);
}

void command_rcpt(struct session *session, const struct transaction_recipient *recipient)
{
    struct stream *stream = session->stream;

    stream_write_text(stream, "RCPT TO:<");
    write_address(session, recipient->address);
    stream_write_text(stream, ">");
    if (session->features & FEATURE_DSN) {
        write_orcpt(session, str_of(recipient->orcpt));
        write_notify(session, recipient->notify);
    }
    stream_write_text(stream, "\r\n");
}
