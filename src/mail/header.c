/*
 * Decides what a header is, which headers mean something to the mail system,
 * and how our own Received: lines read. Names are matched without case.
 */
#include "mail/header.h"

#include "mail/date.h"

#include <strings.h>

#define FROM_ADDRESS (HEADER_ADDRESS | HEADER_SENDER)
#define TO_ADDRESS   (HEADER_ADDRESS | HEADER_RECIPIENT)

/* Sorted by name, for the binary search below. */
/* clang-format off */
static const struct header_kind kinds[] = {
    {HEADER_APPARENTLY_TO,                "Apparently-To",                TO_ADDRESS},
    {HEADER_BCC,                          "Bcc",                          TO_ADDRESS | HEADER_EXTRACT},
    {HEADER_CC,                           "Cc",                           TO_ADDRESS | HEADER_EXTRACT},
    {HEADER_CONTENT_DESCRIPTION,          "Content-Description",          HEADER_MIME},
    {HEADER_CONTENT_DISPOSITION,          "Content-Disposition",          HEADER_MIME},
    {HEADER_CONTENT_ID,                   "Content-Id",                   HEADER_MIME},
    {HEADER_CONTENT_LENGTH,               "Content-Length",               0},
    {HEADER_CONTENT_TRANSFER_ENCODING,    "Content-Transfer-Encoding",    HEADER_MIME},
    {HEADER_CONTENT_TYPE,                 "Content-Type",                 HEADER_MIME},
    {HEADER_DATE,                         "Date",                         0},
    {HEADER_DELIVERED_TO,                 "Delivered-To",                 0},
    {HEADER_DISPOSITION_NOTIFICATION_TO,  "Disposition-Notification-To",  FROM_ADDRESS},
    {HEADER_ERRORS_TO,                    "Errors-To",                    FROM_ADDRESS},
    {HEADER_FROM,                         "From",                         FROM_ADDRESS},
    {HEADER_MAIL_FOLLOWUP_TO,             "Mail-Followup-To",             FROM_ADDRESS},
    {HEADER_MAIL_REPLY_TO,                "Mail-Reply-To",                FROM_ADDRESS},
    {HEADER_MESSAGE_ID,                   "Message-Id",                   0},
    {HEADER_MIME_VERSION,                 "MIME-Version",                 HEADER_MIME},
    {HEADER_RECEIVED,                     "Received",                     0},
    {HEADER_REPLY_TO,                     "Reply-To",                     FROM_ADDRESS},
    {HEADER_REQUIRE_TLS_ESMTP,            "Require-TLS-ESMTP",            0},
    {HEADER_RESENT_BCC,                   "Resent-Bcc",                   TO_ADDRESS | HEADER_EXTRACT | HEADER_RESENT},
    {HEADER_RESENT_CC,                    "Resent-Cc",                    TO_ADDRESS | HEADER_EXTRACT | HEADER_RESENT},
    {HEADER_RESENT_DATE,                  "Resent-Date",                  HEADER_RESENT},
    {HEADER_RESENT_FROM,                  "Resent-From",                  FROM_ADDRESS | HEADER_RESENT},
    {HEADER_RESENT_MESSAGE_ID,            "Resent-Message-Id",            HEADER_RESENT},
    {HEADER_RESENT_REPLY_TO,              "Resent-Reply-To",              FROM_ADDRESS | HEADER_RESENT},
    {HEADER_RESENT_SENDER,                "Resent-Sender",                FROM_ADDRESS | HEADER_RESENT},
    {HEADER_RESENT_TO,                    "Resent-To",                    TO_ADDRESS | HEADER_EXTRACT | HEADER_RESENT},
    {HEADER_RETURN_PATH,                  "Return-Path",                  FROM_ADDRESS},
    {HEADER_RETURN_RECEIPT_TO,            "Return-Receipt-To",            FROM_ADDRESS},
    {HEADER_SENDER_FIELD,                 "Sender",                       FROM_ADDRESS},
    {HEADER_SUBJECT,                      "Subject",                      0},
    {HEADER_TLS_REQUIRED,                 "TLS-Required",                 0},
    {HEADER_TO,                           "To",                           TO_ADDRESS | HEADER_EXTRACT},
};
/* clang-format on */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

size_t header_name_length(struct str line)
{
    size_t n = 0;
    size_t colon;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 127 && line.p[n] != ':')
        n++;
    for (colon = n; colon < line.n && is_blank(line.p[colon]); colon++)
        ;
    return n > 0 && colon < line.n && line.p[colon] == ':' ? n : 0;
}

struct str header_name(struct str logical)
{
    return str_head(logical, header_name_length(logical));
}

struct str header_body(struct str logical)
{
    struct str body = str_tail(logical, str_find(logical, ':') + 1);

    while (body.n > 0 && is_blank(body.p[0]))
        body = str_tail(body, 1);
    return body;
}

bool header_is_continuation(struct str line)
{
    return line.n > 0 && is_blank(line.p[0]);
}

void header_add_unfolded(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\n' && text.p[i] != '\r')
            buf_add_char(out, text.p[i]);
}

static int compare(struct str name, const char *with)
{
    int order = strncasecmp(name.p, with, name.n);

    return order != 0 ? order : -(int)(unsigned char)with[name.n];
}

const struct header_kind *header_kind(struct str name)
{
    static const struct header_kind other = {HEADER_OTHER, "", 0};
    size_t low = 0, high = COUNT(kinds);

    if (name.n == 0)
        return &other;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, kinds[middle].name);
        if (order == 0)
            return &kinds[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return &other;
}

void header_add(struct buf *out, const char *name, struct str body)
{
    buf_add_text(out, name);
    buf_add_text(out, ": ");
    buf_add_str(out, body);
}

void header_add_stamp(struct buf *out, const struct header_stamp *stamp)
{
    buf_printf(out, "by %s %s", stamp->by, stamp->software);
    if (stamp->with)
        buf_printf(out, " with %s", stamp->with);
    if (stamp->queue_id)
        buf_printf(out, " id %s", stamp->queue_id);
    if (stamp->recipient)
        buf_printf(out, "\n\tfor <%s>; ", stamp->recipient);
    else
        buf_add_text(out, ";\n\t");
    date_add_header(out, stamp->when);
}

void header_add_received_local(struct buf *out, const struct header_stamp *stamp)
{
    buf_printf(out, "Received: by %s %s\n\tid %s; ", stamp->by, stamp->software,
               stamp->queue_id ? stamp->queue_id : "");
    date_add_header(out, stamp->when);
}
