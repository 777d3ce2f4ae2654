/*
 * Message headers (RFC 5322 section 2.2): where a header line begins, what is
 * known about a header by its name, and the Received: lines that we add.
 *
 * A LOGICAL header is a header line with its continuation lines, joined by
 * LF: "To: a@b,\n\tc@d", no LF at the end.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/str.h"

#include <time.h>

/*
 * Length of the header name if line begins a header: printable ASCII but ':',
 * then optional blanks, then ':'. 0 = this line is no header. The colon stands
 * at line.p[n] after optional blanks; header_body finds what follows.
 */
size_t header_name_length(struct str line);
struct str header_name(struct str logical);
/* What follows the colon, leading blanks dropped; inner folding is kept. */
struct str header_body(struct str logical);
/* Does the line continue the header before it? (begins with space or TAB) */
bool header_is_continuation(struct str line);

/* Append text with each LF (and CR) that folds it dropped; the blank after it stays. */
void header_add_unfolded(struct buf *out, struct str text);

/* Kinds of header, as bits. */
enum {
    HEADER_ADDRESS = 1,   /* holds an address list: standard form applies */
    HEADER_SENDER = 2,    /* names who sent: From, Sender, Reply-To, Errors-To,
                             Return-Receipt-To, Resent-... */
    HEADER_RECIPIENT = 4, /* names who receives: To, Cc, Bcc, Resent-... */
    HEADER_RESENT = 8,    /* a Resent- form */
    HEADER_EXTRACT = 16,  /* sendmail -t takes recipients here */
    HEADER_MIME = 32,     /* structure of the content: Content-Type ... */
};

enum header_id {
    HEADER_OTHER, /* a header that nothing here treats specially */
    HEADER_APPARENTLY_TO,
    HEADER_BCC,
    HEADER_CC,
    HEADER_CONTENT_DESCRIPTION,
    HEADER_CONTENT_DISPOSITION,
    HEADER_CONTENT_ID,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TRANSFER_ENCODING,
    HEADER_CONTENT_TYPE,
    HEADER_DATE,
    HEADER_DELIVERED_TO,
    HEADER_DISPOSITION_NOTIFICATION_TO,
    HEADER_ERRORS_TO,
    HEADER_FROM,
    HEADER_MAIL_FOLLOWUP_TO,
    HEADER_MAIL_REPLY_TO,
    HEADER_MESSAGE_ID,
    HEADER_MIME_VERSION,
    HEADER_RECEIVED,
    HEADER_REPLY_TO,
    HEADER_REQUIRE_TLS_ESMTP,
    HEADER_RESENT_BCC,
    HEADER_RESENT_CC,
    HEADER_RESENT_DATE,
    HEADER_RESENT_FROM,
    HEADER_RESENT_MESSAGE_ID,
    HEADER_RESENT_REPLY_TO,
    HEADER_RESENT_SENDER,
    HEADER_RESENT_TO,
    HEADER_RETURN_PATH,
    HEADER_RETURN_RECEIPT_TO,
    HEADER_SENDER_FIELD,
    HEADER_SUBJECT,
    HEADER_TLS_REQUIRED,
    HEADER_TO,
};

struct header_kind {
    enum header_id id;
    const char *name; /* as usually written */
    unsigned flags;
};

/* What is known about a header name, without case. Never NULL: unknown names give
 * HEADER_OTHER. */
const struct header_kind *header_kind(struct str name);

/*
 * Add a header to buf, logical form: name, ": ", and a body that is not folded further.
 */
void header_add(struct buf *out, const char *name, struct str body);

/* The last two lines of every Received: header that we write. */
struct header_stamp {
    const char *by;        /* $myhostname */
    const char *with;      /* "ESMTPS", or NULL */
    const char *software;  /* "(Postfix)" or "(Postfix, from userid 1000)" */
    const char *queue_id;  /* NULL = not known (before-queue proxy) */
    const char *recipient; /* external form, the only recipient; NULL = none or several */
    time_t when;
};
/* "by H (Postfix) with ESMTP id Q\n\tfor <r>; DATE": no line end after the last line. */
void header_add_stamp(struct buf *out, const struct header_stamp *stamp);
/* "Received: by H (Postfix)\n\tid Q; DATE": of pickup, bounce, forward. */
void header_add_received_local(struct buf *out, const struct header_stamp *stamp);

#endif
