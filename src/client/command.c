/*
 * MAIL and RCPT with the parameters that the server offered to understand.
 */
#include "client/command.h"

#include "client/login.h"

#include "mail/address.h"
#include "mail/xtext.h"

enum { COMMAND_MAX = 1 << 16 };

static void add_address(struct buf *out, const struct session *session,
                        const char *address)
{
    if (session->settings->quote_rfc821_envelope)
        address_add_external(out, str_of(address));
    else
        buf_add_text(out, address);
}

/* Conversion to 7 bits makes the message larger, nobody knows how much. */
static bool size_is_known(const struct session *session)
{
    return session->features & FEATURE_8BITMIME || !session->settings->convert;
}

static void say(struct session *session, struct buf *command)
{
    session_say(session, buf_str(command));
    buf_done(command);
}

void command_mail(struct session *session, const struct transaction *t)
{
    unsigned features = session->features;
    struct buf out;

    buf_init(&out, COMMAND_MAX);
    buf_add_text(&out, "MAIL FROM:<");
    add_address(&out, session, t->sender);
    buf_add_text(&out, ">");
    if ((features & FEATURE_SIZE) && t->size > 0 && size_is_known(session))
        buf_printf(&out, " SIZE=%lld", t->size);
    if ((features & FEATURE_8BITMIME) && t->encoding != ENCODING_UNKNOWN)
        buf_add_text(&out,
                     t->encoding == ENCODING_8BIT ? " BODY=8BITMIME" : " BODY=7BIT");
    if ((features & FEATURE_DSN) && t->envelope_id[0] != '\0') {
        buf_add_text(&out, " ENVID=");
        xtext_add(&out, str_of(t->envelope_id));
    }
    if ((features & FEATURE_DSN) && (t->ret_full || t->ret_headers))
        buf_add_text(&out, t->ret_full ? " RET=FULL" : " RET=HDRS");
    if ((features & FEATURE_SMTPUTF8) && t->utf8)
        buf_add_text(&out, " SMTPUTF8");
    if (session->logged_in && session->settings->login->dummy_sender)
        buf_add_text(&out, " AUTH=<>");
    say(session, &out);
}

static void add_notify(struct buf *out, int notify)
{
    static const struct {
        int bit;
        const char *word;
    } words[] = {{1, "NEVER"}, {2, "SUCCESS"}, {4, "FAILURE"}, {8, "DELAY"}};
    const char *before = " NOTIFY=";

    for (size_t i = 0; i < COUNT(words); i++)
        if (notify & words[i].bit) {
            buf_printf(out, "%s%s", before, words[i].word);
            before = ",";
        }
}

/* "rfc822;joe@example": the type goes as it is, the address encoded as RFC 3461 section
 * 4.2, or for "utf-8" RFC 6533 section 3, has it. */
static void add_orcpt(struct buf *out, struct str orcpt)
{
    struct str address = orcpt, type = str_until(&address, ';');

    if (address.n == 0)
        return;
    buf_printf(out, " ORCPT=%.*s;", STR_ARG(type));
    if (str_is_nocase(type, "utf-8"))
        xtext_add_utf8_address(out, address);
    else
        xtext_add(out, address);
}

void command_rcpt(struct session *session, const struct transaction_recipient *recipient)
{
    struct buf out;

    buf_init(&out, COMMAND_MAX);
    buf_add_text(&out, "RCPT TO:<");
    add_address(&out, session, recipient->address);
    buf_add_text(&out, ">");
    if (session->features & FEATURE_DSN) {
        add_orcpt(&out, str_of(recipient->orcpt));
        add_notify(&out, recipient->notify);
    }
    say(session, &out);
}
