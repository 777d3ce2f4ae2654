/*
 * What the files of local(8) share: the process, the delivery of one
 * recipient, and the steps of its expansion.
 *
 * A recipient is a tree: joe is an alias for ann and a list, the list holds
 * addresses and a command, ann has a .forward. Each node that is expanded or
 * delivered to is a struct step; leaves get an outcome each. Addresses that are
 * not delivered by this process are gathered and leave as new messages at the
 * end. When one leaf is to be tried again, the whole recipient is.
 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include "deliver/maildir.h"
#include "mail/rewrite.h"
#include "table/address_maps.h"
#include "util/ids.h"
#include "util/map.h"

/* Where an expansion comes from; also bits for allow_mail_to_commands and alike. */
enum origin {
    FROM_NOWHERE = 0, /* the recipient itself, luser_relay */
    FROM_ALIAS = 1,
    FROM_FORWARD = 2,
    FROM_INCLUDE = 4,
};
/* Kinds of destination that get a Delivered-To: line (prepend_delivered_header). */
enum prepend { PREPEND_COMMAND = 1, PREPEND_FILE = 2, PREPEND_FORWARD = 4 };

struct agent { /* the process */
    struct process *process;
    const struct conf *conf;
    struct tables *tables;
    struct maps *aliases, *mailbox_transports, *mailbox_commands, *fallback_transports;
    struct ipc_client *cleanup, *rewrite;
    struct rewrite_rules rules;
    struct durable durable;
    struct texts environment; /* of commands: what export_environment lets through */
    unsigned mailbox_locks;   /* enum mailbox_lock */
    unsigned prepend;         /* enum prepend */
    unsigned commands_from, files_from; /* enum origin: who may name them */
    unsigned extends;    /* enum origin: which expansions keep an unmatched extension */
    struct users *users; /* found lately, see users.c */
    struct user nobody;  /* default_privs */
    uid_t mail_owner;
    int biff; /* UDP socket, or -1 */
};
int agent_init(struct agent *agent, struct process *process, struct fail *why) MUST_CHECK;

/* Texts that came up in a request: most requests have so few that a map costs more. */
struct seen {
    struct texts few;
    struct map *many;
};

struct attempt { /* the delivery of one recipient of a request */
    struct agent *agent;
    struct delivery *delivery;
    struct delivery_recipient *recipient;
    struct arena *arena;
    struct texts delivered_to; /* the message's Delivered-To: lines */
    struct seen *seen;         /* what the request's recipients came by so far */
    struct list leaving;       /* struct departure, see leave.c */
    int notify;                /* RFC 3461 bits of the leaves; 0 = not said */
    bool deferred;             /* a part of it is to be tried again */
    bool passed_on;            /* another agent has reported and marked it */
};

struct step {
    const struct step *parent;
    int depth;
    const char *address;      /* whose outcome this is, in the log; internal form */
    const char *original;     /* orig_to of the log */
    const char *delivered_to; /* of the Delivered-To: line */
    const char *sender;       /* a list's owner instead of the message's; or NULL */
    bool owned;               /* in a list with an owner: users leave, too */

    /* The address in its parts: set by address_take_apart. */
    const char *local, *domain; /* as written */
    const char *name;           /* "joe" of Joe+Lists */
    const char *extension;      /* "lists", or "" */
    const char *suffix;         /* "+Lists", or "" */

    /* What holds for the things that the step expands to: */
    enum origin origin;
    const char *alias;         /* name of the alias that it is; or NULL */
    const struct user *rights; /* as whom; NULL = default_privs */
    const char *unmatched;     /* "+Lists", to hand down, or "" */
    bool leaves;               /* users get a new message, all but `stays` */
    const struct user *stays;  /* mail from his own .forward does not leave; or NULL */
    int includes;              /* how many :include: deep */
};

/* --- attempt.c: outcomes --------------------------------------------------------- */

/* Deliver to one recipient of the request: log, mark, and what leaves. */
void attempt_deliver(struct agent *agent, struct delivery *delivery,
                     struct delivery_recipient *recipient, struct seen *seen);

/* The outcome of one leaf. */
void attempt_report(struct attempt *attempt, const struct step *step,
                    const struct outcome *outcome);
void attempt_outcome(struct attempt *attempt, const struct step *step, const char *status,
                     const char *format, ...) PRINTF_LIKE(4, 5);
/* The envelope sender for what step delivers. */
const char *attempt_sender(const struct attempt *attempt, const struct step *step);
/* The recipient stands for others: tell a sender who wants to hear of success, and of
 * nothing more. */
void attempt_expanded(struct attempt *attempt, const struct step *step);
/* Is the message an address probe? Then leaves say what they would do. */
bool attempt_is_probe(const struct attempt *attempt);
/* True the first time that this destination comes up in the request. */
bool attempt_is_first(struct attempt *attempt, const char *format, ...) PRINTF_LIKE(2, 3);

/* --- address.c: an address on its way down ---------------------------------------------
 */

/* In lower case. In arena. */
const char *address_folded(struct attempt *attempt, const char *text);
/* The parts of step->address. */
void address_take_apart(struct attempt *attempt, struct step *step);
/* "joe" as joe@$myorigin, and so on (mail/rewrite.h); nobody is MAILER-DAEMON. In arena.
 */
const char *address_standard_form(struct attempt *attempt, struct str address);
/*
 * An address that a step expands to: standard form, resolved, then delivered
 * in place or told to leave.
 */
void address_expand(struct attempt *attempt, const struct step *parent,
                    struct str address);
/* Deliver to step->address: aliases, user, or unknown. */
void address_deliver(struct attempt *attempt, struct step *step);

/* --- users.c ----------------------------------------------------------------------- */

struct users *users_new(void);
/* As user_by_name; an answer may be a second old. */
int users_find(struct attempt *attempt, const char *name, struct user *ret,
               struct fail *why) MUST_CHECK;

/* --- alias.c ----------------------------------------------------------------------- */

/* True when the address was an alias and is dealt with, or could not be looked up. */
bool alias_deliver(struct attempt *attempt, struct step *step);

/* --- items.c: the right-hand side of aliases ---------------------------------------- */

enum item_kind { ITEM_ADDRESS, ITEM_FILE, ITEM_COMMAND, ITEM_INCLUDE };
struct item {
    enum item_kind kind;
    struct str text; /* an address in internal form, a path, a command line; NUL-ended */
};
struct items {
    struct item *items;
    size_t n;
};
/* One logical line. */
struct items items_parse(struct str text, size_t token_limit, struct arena *arena);
/* Deliver to everything in the line; the number of items, 0 = there was nothing. */
size_t items_deliver(struct attempt *attempt, const struct step *step, struct str text);
/* Does the file name anything? */
bool items_any(const struct attempt *attempt, struct str content);
/* The same for all lines of a file; ends after a line with a deferral. */
size_t items_deliver_file(struct attempt *attempt, const struct step *step,
                          struct str content);

/* --- include.c, forward.c
 * --------------------------------------------------------------- */

void include_deliver(struct attempt *attempt, const struct step *step, const char *path);
/* True when the user has a .forward that says where the mail goes. */
bool forward_deliver(struct attempt *attempt, const struct step *step,
                     const struct user *user);

/*
 * Read a file that names destinations (list.c), as rights. It must be a plain file
 * that not everybody may write. 1 = read, 0 = not there, -1 with why.
 */
int list_read(struct attempt *attempt, const char *path, struct rights rights,
              struct str *ret, struct stat *ret_stat, struct fail *why) MUST_CHECK;

/* --- the leaves -----------------------------------------------------------------------
 */

void file_deliver(struct attempt *attempt, const struct step *step, const char *path);
/* Deliver into a Maildir with the rights of user. */
struct outcome file_fill_maildir(struct attempt *attempt, const struct user *user,
                                 const struct copy *copy, const char *path);
/* The lines in front of what step delivers. */
struct copy file_copy(const struct attempt *attempt, const struct step *step,
                      enum prepend kind);
/* Run a command with the rights of user (NULL = default_privs). */
void command_deliver(struct attempt *attempt, const struct step *step,
                     const struct user *user, const char *command);
void mailbox_deliver(struct attempt *attempt, const struct step *step,
                     const struct user *user);
void unknown_deliver(struct attempt *attempt, const struct step *step);
/*
 * Hand the recipient to another delivery agent, "transport:nexthop". It
 * reports and marks by itself. False when the value is "" (none).
 */
bool transport_deliver(struct attempt *attempt, const struct step *step,
                       const char *destination);
/* By the table first, then by the value; false when neither knows a transport. */
bool transport_deliver_by(struct attempt *attempt, const struct step *step,
                          const struct maps *maps, const char *destination);
/*
 * Ask a table for the user, with and without extension. 1 = *ret is what it says, 0 =
 * nothing, -1 = the recipient was deferred, since the table could not tell.
 */
int transport_ask(struct attempt *attempt, const struct step *step,
                  const struct maps *maps, const char **ret) MUST_CHECK;

/* --- leave.c: mail that leaves as a new message
 * ------------------------------------------ */

/* step: whose owner and Delivered-To: the message gets. */
void leave_add(struct attempt *attempt, const struct step *step, const char *address);
/* Submit what was gathered, or drop it when the recipient is deferred. */
void leave_finish(struct attempt *attempt, const struct step *top);

/* --- macros.c --------------------------------------------------------------------------
 */

/*
 * Expand $user, $home, $shell, $recipient, $extension, $domain, $local and
 * $recipient_delimiter (also "name?" and "name:" forms) in text; bytes of values that
 * filter lacks become '_'. NULL filter = all are good.
 */
const char *macros_expand(const struct attempt *attempt, const struct step *step,
                          const struct user *user, const char *text, const char *filter,
                          struct fail *why);

/* The ids of user, or of default_privs. */
struct rights rights_of(const struct agent *agent, const struct user *user);

/* --- biff.c
 * ------------------------------------------------------------------------------ */

int biff_open(void);
void biff_notify(const struct agent *agent, const char *user, long long offset);

#endif
