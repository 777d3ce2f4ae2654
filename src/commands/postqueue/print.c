/*
 * How a listing looks. Text goes to people's terminals: what could move their
 * cursor is shown as '?'. In JSON controls are escaped; other bytes stay as they
 * are, so that addresses in UTF-8 can be read.
 */
#include "commands/postqueue/postqueue.h"

#include "commands/json.h"
#include "mail/date.h"
#include "util/buf.h"
#include "util/log.h"

enum { REASON_COLUMN = 76 };

/* --- text --- */

static const char *printable(struct buf *scratch, const char *text)
{
    buf_reset(scratch);
    buf_add_text(scratch, text);
    log_make_printable(scratch->p);
    return buf_text(scratch);
}

/* Of the heading, and of a recipient with all but the last column empty. */
static void print_columns(const struct page *page, const char *id, const char *size,
                          const char *time, const char *address)
{
    if (page->long_ids)
        fprintf(page->to, "%-17s %8s %-19s %s\n", id, size, time, address);
    else
        fprintf(page->to, "%-11s %7s %-20s %s\n", id, size, time, address);
}

static void print_heading(const struct page *page)
{
    if (page->long_ids)
        print_columns(page, "----Queue ID-----", "--Size--", "---Arrival Time----",
                      "--Sender/Recipient------");
    else
        print_columns(page, "-Queue ID-", "--Size--", "----Arrival Time----",
                      "-Sender/Recipient-------");
}

static void print_first_line(const struct page *page, const struct listing_message *m,
                             struct buf *scratch)
{
    struct buf time;
    char id[QUEUE_ID_SIZE + 2];
    const char *sender = printable(scratch, m->sender);

    snprintf(id, sizeof(id), "%s%s%s", m->id,
             strcmp(m->queue, QUEUE_ACTIVE) == 0 ? "*"
             : strcmp(m->queue, QUEUE_HOLD) == 0 ? "!"
                                                 : "",
             m->forced_expire ? "#" : "");
    buf_init(&time, 100);
    date_add_asctime(&time, m->arrival);
    if (page->long_ids)
        fprintf(page->to, "%-17s %8lld %19.19s %s\n", id, m->size, buf_text(&time),
                sender);
    else
        fprintf(page->to, "%-11s %7lld %20.20s %s\n", id, m->size, buf_text(&time),
                sender);
    buf_done(&time);
}

/* compat: at the right margin, and only when it is another one than above. */
static void print_reason(const struct page *page, const char *reason)
{
    int left = REASON_COLUMN - (int)strlen(reason);

    if (reason[0])
        fprintf(page->to, "%*s(%s)\n", left > 0 ? left : 0, "", reason);
    else
        fprintf(page->to, "%*s(reason unavailable)\n",
                REASON_COLUMN - (int)strlen("reason unavailable"), "");
}

int print_text(void *context, const struct listing_message *m)
{
    struct page *page = context;
    const char *reason = "";
    struct buf scratch;

    if (page->messages++ == 0)
        print_heading(page);
    else
        fputc('\n', page->to);
    page->bytes += (unsigned long long)m->size;
    buf_init(&scratch, 1 << 20);
    print_first_line(page, m, &scratch);
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(reason, m->recipients[i].reason) != 0)
            print_reason(page, printable(&scratch, m->recipients[i].reason));
        reason = m->recipients[i].reason;
        print_columns(page, "", "", "", printable(&scratch, m->recipients[i].address));
    }
    buf_done(&scratch);
    return ferror(page->to) ? -1 : 0;
}

void print_text_end(const struct page *page)
{
    if (page->messages == 0)
        fprintf(page->to, "Mail queue is empty\n");
    else
        fprintf(page->to, "\n-- %llu Kbytes in %llu Request%s.\n", page->bytes / 1024,
                page->messages, page->messages == 1 ? "" : "s");
}

/* --- JSON --- */

static void print_field(FILE *to, const char *before, const char *value)
{
    fputs(before, to);
    json_put_text(to, str_of(value));
}

static const char *name_of_reason(const char *log)
{
    if (strcmp(log, QUEUE_DEFER) == 0)
        return ", \"delay_reason\": ";
    return strcmp(log, QUEUE_BOUNCE) == 0 ? ", \"bounce_reason\": "
                                          : ", \"other_reason\": ";
}

static void print_recipient(FILE *to, const struct listing_recipient *r)
{
    print_field(to, "{\"orig_address\": ", r->original);
    print_field(to, ", \"address\": ", r->address);
    if (r->reason[0])
        print_field(to, name_of_reason(r->log), r->reason);
    fputc('}', to);
}

int print_json(void *context, const struct listing_message *m)
{
    struct page *page = context;
    FILE *to = page->to;

    print_field(to, "{\"queue_name\": ", m->queue);
    print_field(to, ", \"queue_id\": ", m->id);
    fprintf(to, ", \"arrival_time\": %lld, \"message_size\": %lld, \"forced_expire\": %s",
            (long long)m->arrival, m->size, m->forced_expire ? "true" : "false");
    print_field(to, ", \"sender\": ", m->sender);
    fputs(", \"recipients\": [", to);
    for (size_t i = 0; i < m->n; i++) {
        fputs(i ? ", " : "", to);
        print_recipient(to, &m->recipients[i]);
    }
    fputs("]}\n", to);
    return ferror(to) ? -1 : 0;
}
