/*
 * The SMTP commands: which function answers each, and what must have come
 * before (RFC 5321 section 4.1.4). session.c looks here; nothing else does.
 */
#include "smtpd/session.h"

enum {
    JUNK = COMMAND_JUNK,
    BATCH = COMMAND_IN_BATCH,
    GOODBYE = COMMAND_SAYS_GOODBYE,
    CLEAR = COMMAND_IN_CLEAR,
    SECRET = COMMAND_SECRET,
};

/* clang-format off */
static const struct command commands[] = {
    /* verb   answered by   needs                     counted as   flags        RFC 5321 */
    {"HELO", answer_helo, NEED_NOTHING,             COUNT_HELO, JUNK | CLEAR},       /* 4.1.1.1 */
    {"EHLO", answer_ehlo, NEED_NOTHING,             COUNT_EHLO, JUNK | CLEAR},       /* 4.1.1.1 */
    {"STARTTLS", answer_starttls, NEED_NOTHING,     COUNT_STARTTLS, CLEAR},   /* RFC 3207 */
    {"AUTH", answer_auth, NEED_HELO,                COUNT_AUTH, SECRET},  /* RFC 4954 */
    {"MAIL", answer_mail, NEED_HELO | NEED_NO_MAIL, COUNT_MAIL, BATCH},   /* 4.1.1.2 */
    {"RCPT", answer_rcpt, NEED_MAIL,                COUNT_RCPT, BATCH},   /* 4.1.1.3 */
    {"DATA", answer_data, NEED_NOTHING,             COUNT_DATA, 0},       /* 4.1.1.4 */
    {"RSET", answer_rset, NEED_NOTHING,             COUNT_RSET, JUNK | BATCH}, /* 4.1.1.5 */
    {"NOOP", answer_noop, NEED_NOTHING,             COUNT_NOOP, JUNK | CLEAR},    /* 4.1.1.9 */
    {"VRFY", answer_vrfy, NEED_NOTHING,             COUNT_VRFY, JUNK},    /* 4.1.1.6 */
    {"ETRN", answer_etrn, NEED_NOTHING,             COUNT_ETRN, JUNK | BATCH}, /* RFC 1985 */
    {"HELP", answer_help, NEED_NOTHING,             COUNT_HELP, JUNK},    /* 4.1.1.8 */
    {"QUIT", answer_quit, NEED_NOTHING,             COUNT_QUIT, GOODBYE | BATCH | CLEAR}, /* 4.1.1.10 */
};
/* clang-format on */

const struct command *command_find(struct str verb)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (str_is_nocase(verb, commands[i].verb))
            return &commands[i];
    return NULL;
}

const struct command *command_at(size_t i)
{
    return i < COUNT(commands) ? &commands[i] : NULL;
}
