/*
 * Who may do what: the smtpd_*_restrictions lists and their evaluation.
 *
 * A restriction permits, rejects, or has nothing to say (dunno); the first
 * that permits or rejects ends its list. What cannot be found out rejects for
 * now (451), it never permits.
 */
#ifndef SMTPD_RESTRICT_H
#define SMTPD_RESTRICT_H

#include "mail/status.h"
#include "smtpd/session.h"

enum verdict { VERDICT_DUNNO, VERDICT_PERMIT, VERDICT_REJECT };

/* A refusal in the making. */
struct refusal {
    int code; /* 0 = none */
    enum trouble trouble;
    char status[STATUS_MAX];
    const char *text; /* "<x>: Sender address rejected: why", in the command arena */
};

/* Whom a refusal names: "<text>: class rejected: why". */
struct subject {
    enum stage stage; /* where it belongs, whatever list is being evaluated */
    const char *text;
    const char *class; /* "Sender address" */
};

/* One evaluation: from the first list asked at this command to the last. */
struct judge {
    struct session *session;
    enum stage stage;         /* of the list that is being evaluated */
    struct subject subject;   /* of refusals: the list's, or an access table's */
    const char *recipient;    /* RCPT, VRFY, and DATA when there is only one */
    const char *domain;       /* ETRN only */
    struct refusal refusal;   /* set with VERDICT_REJECT */
    struct refusal if_permit; /* from defer_if_permit */
    struct refusal if_reject; /* from defer_if_reject, to the end of its list */
    bool only_warn;           /* behind warn_if_reject */
    bool only_asks;           /* what a list would say: nothing happens */
    int depth;                /* of lists within lists */
    bool resolved;            /* the recipient has been resolved */
    struct resolved resolution;
};

enum argument_kind {
    NO_ARGUMENT,
    TIME_ARGUMENT,
    RESTRICTION_ARGUMENT,
    HOSTS_ARGUMENT,
    TABLE_ARGUMENT,
    BLOCKLIST_ARGUMENT,
    POLICY_ARGUMENT,
};

/* What follows a restriction's name; by kind. */
struct argument {
    const char *text;
    /* HOSTS_ARGUMENT: a table asked for client name and address */
    struct match_list *hosts;
    const struct maps *maps; /* TABLE_ARGUMENT: one access table */
    struct policy_service *policy;
    struct texts order; /* search_order of check_ccert_access */
};

struct restriction {
    const char *name;
    enum argument_kind argument;
    unsigned stages; /* bit 1 << enum stage */
    enum verdict (*decide)(struct judge *judge, const struct argument *argument);
};
const struct restriction *restriction_find(const char *name);

/* Ask the list of one stage; true when it refused, which is then logged and answered. */
bool restrict_stage(struct session *session, enum stage stage);
/* May addresses in headers be completed as if the client were one of our own
 * (local_header_rewrite_clients)? 1, 0, or -1: could not be found out, which is logged
 * and answered. */
int restrict_is_rewrite_client(struct session *session);
/* Everything that is asked at RCPT: delayed lists, relay, recipient, unlisted recipients.
 */
bool restrict_recipient(struct session *session, const char *recipient);

/* Everything that is asked at ETRN: delayed lists of the client, and its own. */
bool restrict_etrn(struct session *session, const char *domain);

/* --- for restrict_*.c ------------------------------------------------------- */

/* Set judge->refusal to "CODE STATUS <subject>: CLASS rejected: why"; returns
 * VERDICT_REJECT. */
enum verdict refuse(struct judge *judge, int code, const char *status, const char *why);
/* The same with a text of one's own, "%s" and all. */
enum verdict refuse_text(struct judge *judge, int code, const char *status,
                         const char *format, ...) PRINTF_LIKE(4, 5);
/* The same as refuse, with a status that somebody wrote into a table: it is changed when
 * it speaks of another kind of address than the subject. */
enum verdict refuse_access(struct judge *judge, int code, const char *status,
                           const char *why);
/* Take the refusal just made back, and remember it: later is one of judge's. The first
 * one stays. */
enum verdict refuse_later(struct judge *judge, struct refusal *later);
/* Could not find out: logs why, and refuses for now. about: the address or name, for
 * "<x>:". */
enum verdict refuse_lookup(struct judge *judge, const char *about,
                           const struct fail *why);

/* What cannot be understood refuses for now, with that line in the log: the rest of the
 * list may well be there to refuse for good, or to permit. */
enum verdict restrict_misconfigured(struct judge *judge, const char *fault);

/* Restrictions that will go; each process says so once. */
enum restriction_old {
    RESTRICTION_OLD_RELAY,
    RESTRICTION_OLD_RBL,
    RESTRICTION_OLD_ADDRESS,
    RESTRICTION_OLD_BACKUP,
};
void restrict_warn_once(struct judge *judge, enum restriction_old old, const char *text);

/* What lists of this stage judge. */
struct subject restrict_subject(const struct judge *judge, enum stage stage);
/* compat: the client, where it is refused for the name that its address points to. */
struct subject restrict_unverified(const struct judge *judge);
/* Where mail for judge->recipient goes: judge->resolution, asked once for all
 * restrictions of one evaluation. */
int restrict_resolve(struct judge *judge, struct fail *why) MUST_CHECK;
/* Does mail for judge->recipient end here, or is it relayed by relay_domains? In doubt
 * not.
 */
bool restrict_is_authorized(struct judge *judge);
/* Is that the sender of our address probes, whom other sites may want to verify? */
bool restrict_is_probe_sender(struct session *session, const char *address);
/* A list within a list; one that comes back to itself refuses for now. */
enum verdict restrict_walk(struct judge *judge, const struct restriction_list *list);
/* "hold: RCPT from N[A]: text; from=<s> to=<r> ..." */
void restrict_log(const struct judge *judge, const char *action, const char *text);

/* "permit: RCPT from N[A]: action=OK for Sender address=s from hash:/x", when
 * smtpd_log_access_permit_actions has the action; table: "" = none, or "from hash:/x". */
void restrict_log_permit(const struct judge *judge, const char *action,
                         const struct subject *subject, const char *table);

/* One function for each record of restrictions.cat; a missing one is a link error. */
#define RESTRICTION(name, kind, stages)                                                  \
    enum verdict restrict_##name(struct judge *judge, const struct argument *argument);
#define RESTRICTION_ALIAS(alias, name, argument, stages)
#include "smtpd/restrictions.gen.h"
#undef RESTRICTION
#undef RESTRICTION_ALIAS

#endif
