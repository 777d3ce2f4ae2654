/*
 * What the files of sendmail share: what the command line asked for, and the
 * message on its way to postdrop.
 */
#ifndef COMMANDS_SENDMAIL_H
#define COMMANDS_SENDMAIL_H

#include "commands/command.h"
#include "util/buf.h"
#include "util/list.h"

#include <sysexits.h>

enum mode {
    MODE_MAIL, /* -bm: take a message from standard input */
    MODE_MAILQ,
    MODE_ALIASES,
    MODE_STAND_ALONE, /* -bs */
    MODE_DAEMON,      /* -bd: start the mail system */
    MODE_FLUSH,       /* -q */
    MODE_FLUSH_SITE,  /* -qRsite */
    MODE_FLUSH_ID,    /* -qIid */
    MODE_NOTHING,     /* -bh, -bH: there is no host status; -q15m */
};

struct sendmail {
    struct command command;
    enum mode mode;
    const char *argument; /* of -qR and -qI */

    /* the message */
    const char *sender;    /* internal form, "" = null sender; NULL = not given with -f */
    const char *full_name; /* NULL = not given with -F */
    const char *envelope_id; /* -V; NULL = none */
    const char *encoding;    /* "7bit", "8bit" or NULL */
    const char *verp;   /* -XV: two delimiters, "" = the default ones; NULL = no VERP */
    int ret, notify;    /* RET_ and NOTIFY_ bits, 0 = not said */
    int wishes;         /* SIZE_SMTPUTF8, SIZE_REQUIRETLS: of -O */
    bool verify, trace; /* -bv, -v */
    bool extract;       /* -t: recipients from the header */
    bool ignore_dots;   /* -i: a lone dot is text */
    bool gateway;       /* -G: mail of elsewhere; its headers are not ours */
    const char *const *recipients; /* of the command line, NULL at the end */

    const char *alias_database; /* -oA; NULL = $alias_database */
};

/* Fill in from the command line and the name of the call. Ends the program when it cannot
 * be understood. */
void options_parse(struct sendmail *sendmail, int argc, char **argv);

/* MODE_MAIL: from standard input to maildrop, or end the program. */
void mail_send(struct sendmail *sendmail);

/* Add the addresses of one argument or header body, internal form, to the list. */
void recipients_add(const struct sendmail *sendmail, struct texts *list, struct str text);

/* sendmail -t: takes the recipients out of a message header. Start zeroed but for
 * sendmail. */
struct extraction {
    const struct sendmail *sendmail;
    struct buf header; /* the logical header that is read now */
    bool resent_seen;  /* then only resent is meant */
    bool in_body;
    struct texts plain, resent;
};

/* The next line of the message, or a further piece of it. */
void extraction_text(struct extraction *extraction, struct str text, bool starts_line);
/* After the last line of the message: those who get it. */
const struct texts *extraction_end(struct extraction *extraction);

#endif
