/*
 * One message from standard input, or made for -bv, to postdrop. Everything
 * is checked again there and in pickup; here it is only brought into form. It counts as
 * sent when postdrop says that the file is on stable storage.
 */
#include "commands/sendmail/sendmail.h"

#include "queue/envelope.h"
#include "queue/record.h"
#include "queue/submit.h"
#include "util/ids.h"
#include "util/log.h"
#include "util/stream.h"
#include "util/wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum line_endings { ENDINGS_ALWAYS, ENDINGS_STRICT, ENDINGS_NEVER };

/* The message while it is passed on. */
struct mail {
    struct sendmail *sendmail;
    struct arena *arena;
    struct submission *submission;
    struct extraction extraction;
    enum line_endings endings;
    bool first;      /* no line was passed on yet */
    bool dropping;   /* the line that is read now is left out */
    bool drop_cr;    /* the CR before LF belongs to the line end */
    bool in_line;    /* the text before was a piece of a line: what comes belongs to it */
    struct buf text; /* scratch */
};

static void give_up(const struct mail *mail, const char *why)
{
    fatal_status(EX_TEMPFAIL, "%s(%ld): %s", mail->sendmail->sender, (long)getuid(), why);
}

/* --- who sends --- */

/* The name in the passwd comment: up to the first comma, '&' is the login name. */
static const char *gecos_name(struct arena *arena, const struct user *user)
{
    struct str gecos = str_of(user->gecos);
    struct buf name;
    const char *copy;

    buf_init(&name, 100000);
    gecos = str_head(gecos, str_find(gecos, ','));
    for (size_t i = 0; i < gecos.n; i++)
        if (gecos.p[i] == '&')
            buf_printf(&name, "%c%s",
                       user->name[0] >= 'a' && user->name[0] <= 'z'
                           ? user->name[0] - 'a' + 'A'
                           : user->name[0],
                       user->name[0] ? user->name + 1 : "");
        else
            buf_add_char(&name, gecos.p[i]);
    copy = arena_copy_str(arena, buf_str(&name));
    buf_done(&name);
    return copy;
}

static void find_sender(struct mail *mail)
{
    struct sendmail *sendmail = mail->sendmail;
    struct user user;
    struct fail why;
    int found = user_by_uid(getuid(), mail->arena, &user, &why);
    char *name;

    if (found < 0)
        fatal_status(EX_TEMPFAIL, "%s", why.text);
    if (found == 0)
        fatal_status(EX_TEMPFAIL, "no login name found for user ID %ld", (long)getuid());
    if (sendmail->sender == NULL)
        sendmail->sender = user.name;
    if (sendmail->full_name == NULL)
        sendmail->full_name = getenv("NAME");
    if (sendmail->full_name == NULL)
        sendmail->full_name = gecos_name(mail->arena, &user);
    sendmail->full_name = name = arena_copy(mail->arena, sendmail->full_name);
    for (; *name; name++) /* it becomes part of a header line */
        if (*name == '\n' || *name == '\r')
            *name = ' ';
}

/* --- envelope --- */

static void open_submission(struct mail *mail)
{
    const struct conf *conf = mail->sendmail->command.conf;
    const char *argv[] = {
        arena_printf(mail->arena, "%s/postdrop", conf->command_directory), "-r", NULL};
    struct fail why;
    const char *id;

    for (int attempts = conf->fork_attempts;; attempts--) {
        mail->submission = submit_open_maildrop(argv, mail->arena, &id, &why);
        if (mail->submission != NULL)
            return;
        if (why.code != EAGAIN || attempts <= 1)
            give_up(mail, why.text);
        log_warning("%s", why.text);
        if (wait_any(NULL, 0, (int64_t)conf->fork_delay * 1000) < 0)
            fatal("wait: %m");
    }
}

static void add_number(struct mail *mail, const char *name, int value)
{
    if (value != 0)
        submit_printf(mail->submission, RECORD_ATTRIBUTE, "%s=%d", name, value);
}

static void add_recipients(struct mail *mail, const struct texts *recipients)
{
    for (size_t i = 0; i < recipients->n; i++) {
        add_number(mail, "notify_flags", mail->sendmail->notify);
        submit_record(mail->submission, RECORD_RECIPIENT, str_of(recipients->items[i]));
    }
}

static void add_envelope(struct mail *mail, const struct texts *recipients)
{
    const struct sendmail *sendmail = mail->sendmail;
    struct submission *s = mail->submission;

    if (sendmail->wishes) /* of a size record nothing else counts here */
        submit_printf(s, RECORD_SIZE, "1 1 0 0 0 %d", sendmail->wishes);
    submit_attribute(s, "envelope_id", sendmail->envelope_id);
    add_number(mail, "ret_flags", sendmail->ret);
    submit_attribute(s, "rewrite_context", sendmail->gateway ? "remote" : "local");
    submit_record(s, RECORD_FULL_NAME, str_of(sendmail->full_name));
    submit_record(s, RECORD_SENDER, str_of(sendmail->sender));
    submit_attribute(s, "encoding", sendmail->encoding);
    add_number(mail, "trace_flags",
               sendmail->verify  ? TRACE_PROBE_USER
               : sendmail->trace ? TRACE_RECORD
                                 : 0);
    if (sendmail->verp) {
        if (sendmail->sender[0] == '\0')
            give_up(mail, "-V option requires non-null sender address");
        submit_record(s, RECORD_VERP, str_of(sendmail->verp));
    }
    add_recipients(mail, recipients);
    submit_record(s, RECORD_CONTENT, STR(""));
}

/* --- content --- */

static bool is_mailbox_line(struct str line)
{
    return str_starts(line, "From ") || str_starts(line, ">From ");
}

/* Does the CR in front of this line's LF belong to the text? */
static bool keeps_cr(struct mail *mail, bool bare_lf)
{
    if (mail->first)
        mail->drop_cr = mail->endings == ENDINGS_ALWAYS ||
                        (mail->endings == ENDINGS_STRICT && !bare_lf);
    return !bare_lf && !mail->drop_cr;
}

/* A line, or a piece of one (ends = false). False at the end of the message. */
static bool take_text(struct mail *mail, struct str text, bool ends)
{
    const bool starts = !mail->in_line;

    mail->in_line = !ends;
    if (starts && ends && str_is(text, ".") && !mail->sendmail->ignore_dots)
        return false;
    if (starts) /* compat: mailboxes and UUCP put such lines before the header */
        mail->dropping = mail->first && is_mailbox_line(text);
    if (mail->dropping)
        return true;
    mail->first = false;
    if (mail->sendmail->extract)
        extraction_text(&mail->extraction, text, starts);
    submit_record(mail->submission, ends ? RECORD_LINE : RECORD_CHUNK, text);
    return true;
}

static ssize_t read_input(void *state, void *p, size_t n)
{
    (void)state;
    return read(STDIN_FILENO, p, n);
}

/* The next line or piece of one, in mail->text when a CR has to stay. */
static enum stream_result read_text(struct mail *mail, struct stream *input, size_t max,
                                    struct str *ret)
{
    bool bare = false;
    enum stream_result result = stream_read_line(input, max, ret, &bare);

    if (result == STREAM_OK && keeps_cr(mail, bare)) {
        buf_reset(&mail->text);
        buf_add_str(&mail->text, *ret);
        buf_add_char(&mail->text, '\r');
        *ret = buf_str(&mail->text);
    }
    return result;
}

static void add_content(struct mail *mail)
{
    static const struct stream_ops ops = {.read = read_input};
    const size_t max = (size_t)mail->sendmail->command.conf->line_length_limit;
    struct stream *input = stream_new(STDIN_FILENO, 2 * max + 32768);
    enum stream_result result = STREAM_OK;
    struct str text;
    bool more = true;

    stream_set_ops(input, &ops, NULL);
    buf_init(&mail->text, max + 10);
    while (more && !submit_is_lost(mail->submission)) {
        result = read_text(mail, input, max, &text);
        if (result != STREAM_OK && result != STREAM_TOO_LONG)
            break;
        more = take_text(mail, text, result == STREAM_OK);
    }
    if (result == STREAM_EOF && (text = stream_buffered(input)).n > 0)
        take_text(mail, text, true); /* the last line has no end */
    if (result == STREAM_ERROR)
        give_up(mail, arena_printf(mail->arena, "read the message: %s",
                                   strerror(stream_errno(input))));
    buf_done(&mail->text);
    stream_detach(input);
}

/* compat: the message that the report of -bv returns. */
static void add_probe(struct mail *mail)
{
    const struct sendmail *sendmail = mail->sendmail;
    struct submission *s = mail->submission;

    if (sendmail->sender[0])
        submit_printf(s, RECORD_LINE, "From: %s", sendmail->sender);
    submit_record(s, RECORD_LINE, STR("Subject: probe"));
    submit_record(s, RECORD_CHUNK, STR("To:"));
    for (size_t i = 0; sendmail->recipients[i]; i++)
        submit_printf(s, RECORD_LINE, "\t%s%s", sendmail->recipients[i],
                      sendmail->recipients[i + 1] ? "," : "");
}

/* --- the whole --- */

/* The addresses of the command line; "" counts as one. */
static void read_arguments(const struct sendmail *sendmail, struct texts *ret)
{
    for (size_t i = 0; sendmail->recipients[i]; i++) {
        const size_t before = ret->n;

        recipients_add(sendmail, ret, str_of(sendmail->recipients[i]));
        if (ret->n == before)
            texts_add(ret, sendmail->command.arena, "");
    }
}

static void end_message(struct mail *mail, size_t given)
{
    const struct texts *found = mail->sendmail->extract
                                    ? extraction_end(&mail->extraction)
                                    : &(const struct texts){0};
    struct submit_done done;

    if (given + found->n == 0) {
        submit_cancel(mail->submission);
        give_up(mail, "No recipient addresses found in message header");
    }
    submit_record(mail->submission, RECORD_EXTRACTED, STR(""));
    add_recipients(mail, found);
    submit_record(mail->submission, RECORD_END, STR(""));
    done = submit_close(mail->submission, mail->arena);
    if (done.status != SUBMIT_OK)
        give_up(mail,
                done.reason[0] ? done.reason : submit_status_text((int)done.status));
}

static enum line_endings endings_of(const char *setting)
{
    if (strcmp(setting, "never") == 0)
        return ENDINGS_NEVER;
    return strcmp(setting, "strict") == 0 ? ENDINGS_STRICT : ENDINGS_ALWAYS;
}

void mail_send(struct sendmail *sendmail)
{
    struct mail mail = {.sendmail = sendmail,
                        .arena = sendmail->command.arena,
                        .extraction = {.sendmail = sendmail},
                        .endings =
                            endings_of(sendmail->command.conf->sendmail_fix_line_endings),
                        .first = true};
    struct texts recipients = {0};

    find_sender(&mail);
    if (sendmail->recipients[0] == NULL && !sendmail->extract)
        give_up(&mail, "Recipient addresses must be specified on the command line or via "
                       "the -t option");
    read_arguments(sendmail, &recipients);
    open_submission(&mail);
    add_envelope(&mail, &recipients);
    if (sendmail->verify)
        add_probe(&mail);
    else
        add_content(&mail);
    end_message(&mail, recipients.n);
    if (sendmail->verify || sendmail->trace)
        printf("Mail Delivery Status Report will be mailed to <%s>.\n", sendmail->sender);
}
