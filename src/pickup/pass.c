/*
 * One file of maildrop/ on its way into cleanup.
 *
 * The file belongs to a user, who can write to it while it is read: nothing in
 * it is believed. queue/maildrop.h judges every record, size and owner come from
 * fstat, and a file that does not keep the rules to its last record is given up
 * before cleanup has taken it. Files that postsuper -r put back belong to the
 * mail system and keep what only it may say; they were filtered before.
 */
#include "pickup/pickup.h"

#include "mail/header.h"
#include "queue/maildrop.h"
#include "queue/reader.h"
#include "queue/submit.h"
#include "util/log.h"

#include <stdio.h>

/* What may stand before a recipient and is said of it alone. */
enum { ABOUT_ORIGINAL, ABOUT_NOTIFY, ABOUT_ORCPT, ABOUT };

/* A message while it is passed on. */
struct passage {
    struct picker *picker;
    const char *id; /* in maildrop */
    const struct stat *st;
    bool requeued;
    struct record_reader reader;
    struct maildrop_check check;
    struct submission *submission;
    struct unreported unreported;
    struct record about[ABOUT]; /* the recipient that comes next; type 0 = nothing said */
    const char *new_id, *sender;
    struct fail why;
};

/* --- what the file begins with --- */

/* The arrival time that postdrop or cleanup wrote; what is none gives that of the file.
 */
static void take_arrival(struct passage *p, const struct record *record, char text[40])
{
    struct str rest = record->data;
    struct str seconds = str_word(&rest, " "), micros = str_word(&rest, " ");
    unsigned long long s, us = 0;

    if (record->type == RECORD_TIME && str_number(seconds, UINT32_MAX, &s) && s > 0 &&
        (micros.n == 0 || str_number(micros, 999999, &us)))
        snprintf(text, 40, "%llu %llu", s, us);
    else
        snprintf(text, 40, "%lld 0", (long long)p->st->st_mtime);
}

/* What the sender wants, as it stands in a size record, as SUBMIT_ bits. */
static int wishes_of(const struct size_record *size)
{
    return (size->smtputf8 & SIZE_SMTPUTF8 ? SUBMIT_UTF8 : 0) |
           (size->smtputf8 & SIZE_REQUIRETLS ? SUBMIT_REQUIRETLS : 0);
}

/* The size record, if the next record is one: 1, 0 = it is another, -1. */
static int read_size(struct passage *p, int *ret_flags)
{
    struct record record;
    struct size_record size;

    if (record_read(&p->reader, &record, &p->why) != RECORD_OK)
        return -1;
    if (record.type != RECORD_SIZE) {
        record_reader_seek(&p->reader, record.offset);
        return 0;
    }
    if (size_record_parse(record.data, &size, &p->why) < 0)
        return -1;
    *ret_flags |= wishes_of(&size);
    return 1;
}

static int read_arrival(struct passage *p, char arrival[40])
{
    struct record record;

    if (record_read(&p->reader, &record, &p->why) != RECORD_OK)
        return -1;
    if (record.type != RECORD_TIME)
        return fail_set(&p->why, "starts with record type %d", record.type);
    take_arrival(p, &record, arrival);
    return 0;
}

/*
 * Read up to the arrival time, which cleanup wants first. A requeued file has
 * its size before it; a user's may have one behind it, of which only the sender's
 * wishes count. 0, or -1: no such file.
 */
static int read_start(struct passage *p, char arrival[40], int *ret_flags)
{
    *ret_flags = p->requeued ? p->picker->flags & ~SUBMIT_MILTER : p->picker->flags;
    if (p->requeued && read_size(p, ret_flags) < 0)
        return -1;
    if (read_arrival(p, arrival) < 0)
        return -1;
    return !p->requeued && read_size(p, ret_flags) < 0 ? -1 : 0;
}

/* --- records --- */

static void begin_content(struct passage *p)
{
    const struct conf *conf = p->picker->conf;
    struct buf received;
    struct str rest;

    maillog_pickup(p->picker->style, p->new_id, (long)p->st->st_uid, p->sender,
                   p->requeued ? p->id : NULL);
    submit_record(p->submission, RECORD_CONTENT, STR(""));
    buf_init(&received, 4096);
    header_add_received_local(
        &received, &(struct header_stamp){
                       .by = conf->myhostname,
                       .software = arena_printf(p->picker->arena, "(%s, from userid %ld)",
                                                conf->mail_name, (long)p->st->st_uid),
                       .queue_id = p->new_id,
                       .when = p->st->st_mtime});
    rest = buf_str(&received);
    while (rest.n > 0)
        submit_record(p->submission, RECORD_LINE, str_until(&rest, '\n'));
    buf_done(&received);
}

static int about_what(const struct record *record)
{
    if (record->type == RECORD_ORIGINAL)
        return ABOUT_ORIGINAL;
    if (record->type == RECORD_ATTRIBUTE && str_starts(record->data, "notify_flags="))
        return ABOUT_NOTIFY;
    if (record->type == RECORD_ATTRIBUTE && str_starts(record->data, "dsn_orig_rcpt="))
        return ABOUT_ORCPT;
    return ABOUT;
}

/* Of a requeued file what is said of a recipient waits for it: one that is done takes it
 * along. */
static bool hold_back(struct passage *p, const struct record *record)
{
    int what = p->requeued ? about_what(record) : ABOUT;

    if (what == ABOUT)
        return false;
    p->about[what] = *record;
    p->about[what].data = str_of(arena_copy_str(p->picker->arena, record->data));
    return true;
}

static void forget_about(struct passage *p)
{
    memset(p->about, 0, sizeof(p->about));
}

static void pass_about(struct passage *p)
{
    for (size_t i = 0; i < ABOUT; i++)
        if (p->about[i].type)
            submit_record(p->submission, p->about[i].type, p->about[i].data);
    forget_about(p);
}

static void pass_record(struct passage *p, const struct record *record)
{
    if (hold_back(p, record))
        return;
    if (record->type == RECORD_SENDER)
        p->sender = arena_copy_str(p->picker->arena, record->data);
    if (record->type == RECORD_RECIPIENT)
        pass_about(p);
    if (record->type == RECORD_CONTENT)
        begin_content(p);
    else
        submit_record(p->submission, record->type, record->data);
}

static enum maildrop_verdict pass_next(struct passage *p, struct record *record)
{
    enum maildrop_verdict verdict;

    if (record->type == RECORD_DONE && unreported_has(&p->unreported, record->offset))
        record->type = RECORD_RECIPIENT;
    verdict = maildrop_judge(&p->check, record, p->requeued, &p->why);
    if (verdict == MAILDROP_TAKE)
        pass_record(p, record);
    if (record->type == RECORD_DONE || record->type == RECORD_CANCELLED)
        forget_about(p);
    return verdict;
}

/* All records up to the last one: 1, or 0 when no recipient is left. -1: this is no
 * submission (code 0), or it could not be read (an errno). */
static int pass_records(struct passage *p)
{
    struct record record;
    enum record_result result;

    while (!maildrop_complete(&p->check)) {
        result = record_read(&p->reader, &record, &p->why);
        if (result == RECORD_EOF)
            return fail_set(&p->why, "the file ends before the message does");
        if (result != RECORD_OK)
            return -1;
        switch (pass_next(p, &record)) {
        case MAILDROP_TAKE:
        case MAILDROP_DROP:
            break;
        case MAILDROP_OVER:
            return 0;
        case MAILDROP_REFUSE:
            return -1;
        }
    }
    return 1;
}

/* --- verdicts --- */

static enum picked bad_file(const struct passage *p)
{
    log_warning("maildrop/%s, uid=%ld: %s", p->id, (long)p->st->st_uid, p->why.text);
    return p->why.code == 0 ? PICKED_CORRUPT : PICKED_LATER;
}

static enum picked judge(const struct passage *p, const struct submit_done *done)
{
    if (done->status == SUBMIT_OK)
        return PICKED_TAKEN;
    log_warning("maildrop/%s, uid=%ld: cleanup does not take it: %s", p->id,
                (long)p->st->st_uid,
                done->reason[0] ? done->reason : submit_status_text((int)done->status));
    switch (done->status) {
    case SUBMIT_BAD_RECORD:
    case SUBMIT_NO_RECIPIENT:
        return PICKED_CORRUPT;
    case SUBMIT_GONE:
        return PICKED_NOBODY;
    default:
        return PICKED_LATER;
    }
}

static enum picked pass(struct passage *p)
{
    struct picker *picker = p->picker;
    char arrival[40];
    struct submit_done done;
    int flags, more;

    if (read_start(p, arrival, &flags) < 0)
        return bad_file(p);
    p->submission = submit_open(picker->cleanup, flags, picker->conf->message_size_limit,
                                picker->arena, &p->new_id, &p->why);
    if (p->submission == NULL) {
        log_warning("maildrop/%s: %s", p->id, p->why.text);
        return PICKED_NOBODY;
    }
    submit_record(p->submission, RECORD_TIME, str_of(arrival));
    if (picker->conf->content_filter[0])
        submit_record(p->submission, RECORD_FILTER, str_of(picker->conf->content_filter));
    more = pass_records(p);
    if (more <= 0) {
        submit_cancel(p->submission);
        return more < 0 ? bad_file(p) : PICKED_OVER;
    }
    done = submit_close(p->submission, picker->arena);
    return judge(p, &done);
}

/* The logs of the old id go before the file does: with it the id is free. */
static void remove_logs(struct passage *p)
{
    struct fail why;

    if (spool_remove_logs(&p->picker->spool, p->id, &why) < 0)
        log_warning("%s", why.text);
}

static enum picked pass_again(struct passage *p)
{
    int claimed = unreported_claim(p->picker, p->id, &p->unreported, &p->why);
    enum picked result;

    if (claimed < 0)
        log_warning("maildrop/%s: %s", p->id, p->why.text);
    if (claimed <= 0)
        return PICKED_LATER;
    result = pass(p);
    if (result == PICKED_TAKEN || result == PICKED_OVER)
        remove_logs(p);
    unreported_let_go(&p->unreported);
    return result;
}

enum picked picker_pass(struct picker *picker, const char *id, int fd,
                        const struct stat *st)
{
    struct passage passage = {.picker = picker,
                              .id = arena_copy(picker->arena, id),
                              .st = st,
                              .requeued = st->st_uid == picker->owner &&
                                          !(st->st_mode & S_IROTH)};
    enum picked result;

    record_reader_init(&passage.reader, fd, 0);
    result = passage.requeued ? pass_again(&passage) : pass(&passage);
    record_reader_done(&passage.reader);
    return result;
}
