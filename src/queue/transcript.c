/*
 * Keeps what was said, within bounds, and makes a message to the postmaster
 * of it.
 */
#include "queue/transcript.h"

#include "mail/date.h"
#include "mail/utf8.h"
#include "queue/record.h"
#include "queue/submit.h"
#include "util/clock.h"

enum { WRAP_COLUMN = 78, WRAP_INDENT = 4 };

unsigned trouble_classes(const char *words)
{
    static const struct {
        const char *word;
        enum trouble class;
    } rows[] = {
        {"bounce", TROUBLE_BOUNCE},     {"data", TROUBLE_DATA},
        {"policy", TROUBLE_POLICY},     {"protocol", TROUBLE_PROTOCOL},
        {"resource", TROUBLE_RESOURCE}, {"software", TROUBLE_SOFTWARE},
    };
    struct str rest = str_of(words), word;
    unsigned classes = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n)
        for (size_t i = 0; i < COUNT(rows); i++)
            if (str_is_nocase(word, rows[i].word))
                classes |= rows[i].class;
    return classes;
}

/* --- keeping ------------------------------------------------------------------------ */

void transcript_init(struct transcript *transcript, bool utf8)
{
    *transcript = (struct transcript){.utf8 = utf8};
    buf_init(&transcript->text, TRANSCRIPT_MAX);
}

void transcript_done(struct transcript *transcript)
{
    buf_done(&transcript->text);
}

void transcript_reset(struct transcript *transcript)
{
    buf_reset(&transcript->text);
    transcript->lines = 0;
    transcript->cut = false;
}

/* Room for n bytes more, at the expense of what is oldest: at least half, so that this is
 * rare. */
static void make_room(struct transcript *transcript, size_t n)
{
    struct buf *text = &transcript->text;
    size_t end;

    if (text->n + n <= TRANSCRIPT_MAX)
        return;
    end = text->n / 2;
    end += str_find(str_tail(buf_str(text), end), '\n') + 1;
    buf_shift(text, end);
    transcript->cut = true;
}

static void keep(struct transcript *transcript, const char *who, struct str line)
{
    enum { LINE_MAX_KEPT = 2048 };
    bool utf8;
    char *put;

    line = str_head(line, LINE_MAX_KEPT);
    utf8 = transcript->utf8 && utf8_is_valid(line);
    make_room(transcript, line.n + sizeof "Out: ");
    buf_add_text(&transcript->text, who);
    put = buf_reserve(&transcript->text, line.n);
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        bool fit = c >= ' ' && c != 127 && (c < 127 || utf8);

        put[i] = fit ? line.p[i] : '?';
    }
    buf_added(&transcript->text, line.n);
    buf_add_char(&transcript->text, '\n');
    transcript->lines++;
}

void transcript_in(struct transcript *transcript, struct str line)
{
    keep(transcript, "In:  ", line);
}

void transcript_out(struct transcript *transcript, struct str line)
{
    keep(transcript, "Out: ", line);
}

/* --- telling ------------------------------------------------------------------------ */

/* Where a notice goes, line by line. */
struct sink {
    void (*add)(void *context, const char *line);
    void *context;
    struct buf line;
};

static void PRINTF_LIKE(2, 3) add(struct sink *sink, const char *format, ...)
{
    va_list args;

    buf_reset(&sink->line);
    va_start(args, format);
    buf_vprintf(&sink->line, format, args);
    va_end(args);
    sink->add(sink->context, buf_text(&sink->line));
}

/* The length of the piece of text that goes into a line of so many columns. Words that
 * are longer stay whole. */
static size_t piece(struct str text, size_t columns)
{
    size_t end = columns;

    if (text.n <= columns)
        return text.n;
    while (end > 0 && text.p[end] != ' ')
        end--;
    if (end > 0)
        return end;
    return columns + str_find(str_tail(text, columns), ' ');
}

static void add_wrapped(struct sink *sink, struct str text)
{
    int indent = 0;

    do {
        size_t n = piece(text, (size_t)(WRAP_COLUMN - indent));

        add(sink, " %*s%.*s", indent, "", STR_ARG(str_trim(str_head(text, n))));
        text = str_trim_left(str_tail(text, n));
        indent = WRAP_INDENT;
    } while (text.n);
}

static void add_header(struct sink *sink, const struct conf *conf,
                       const struct transcript_notice *notice, const char *queue_id)
{
    struct buf date;

    buf_init(&date, 100);
    date_add_header(&date, clock_wall(&clock_system).tv_sec);
    add(sink, "Received: by %s (%s)", conf->myhostname, conf->mail_name);
    add(sink, "\tid %s; %s", queue_id, buf_text(&date));
    add(sink, "Date: %s", buf_text(&date));
    add(sink, "From: Mail Delivery System <MAILER-DAEMON>");
    add(sink, "To: Postmaster <%s>",
        notice->classes & TROUBLE_BOUNCE ? conf->bounce_notice_recipient
                                         : conf->error_notice_recipient);
    add(sink, "Subject: %s %s: errors from %s", conf->mail_name, notice->role,
        notice->peer);
    add(sink, "%s", "");
    buf_done(&date);
}

void transcript_write(const struct transcript *transcript, const struct conf *conf,
                      const struct transcript_notice *notice, const char *queue_id,
                      void (*add_line)(void *context, const char *line), void *context)
{
    struct sink sink = {.add = add_line, .context = context};
    struct str rest = buf_str(&transcript->text);

    buf_init(&sink.line, RECORD_DATA_MAX);
    add_header(&sink, conf, notice, queue_id);
    if (notice->first) {
        add(&sink, "%s", notice->first);
        add(&sink, "%s", "");
    }
    add(&sink, "Transcript of session follows.");
    add(&sink, "%s", "");
    if (transcript->cut)
        add(&sink, " ...");
    while (rest.n)
        add_wrapped(&sink, str_until(&rest, '\n'));
    add(&sink, "%s", "");
    if (notice->reason)
        add(&sink, "Session aborted, reason: %s", notice->reason);
    if (!notice->first) /* compat: servers leave a second line empty, clients do not */
        add(&sink, "%s", "");
    add(&sink, "For other details, see the local mail logfile");
    buf_done(&sink.line);
}

static int submit_flags(const struct conf *conf)
{
    int flags = SUBMIT_MAP | SUBMIT_NO_BCC |
                submit_auto_utf8(conf->smtputf8_autodetect_classes, "notify");
    struct str rest = str_of(conf->internal_mail_filter_classes), word;

    while ((word = str_word(&rest, ", \t\r\n")).n)
        if (str_is_nocase(word, "notify"))
            flags |= SUBMIT_FILTER | SUBMIT_MILTER;
    return flags;
}

static void add_record(void *submission, const char *line)
{
    submit_record(submission, RECORD_LINE, str_of(line));
}

int transcript_send(const struct transcript *transcript, const struct conf *conf,
                    const struct transcript_notice *notice, struct ipc_client *cleanup,
                    struct fail *why)
{
    struct arena *arena = arena_new("notice");
    struct timeval now = clock_wall(&clock_system);
    struct submission *s;
    struct submit_done done;
    const char *id;
    int result = 0;

    s = submit_open(cleanup, submit_flags(conf), 0, arena, &id, why);
    if (!s) {
        arena_free(arena);
        return -1;
    }
    submit_printf(s, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    submit_attribute(s, "log_message_origin", "local");
    submit_attribute(s, "rewrite_context", "local");
    submit_printf(s, RECORD_SENDER, "%s@%s", conf->double_bounce_sender, conf->myorigin);
    submit_record(s, RECORD_RECIPIENT,
                  str_of(notice->classes & TROUBLE_BOUNCE
                             ? conf->bounce_notice_recipient
                             : conf->error_notice_recipient));
    submit_record(s, RECORD_CONTENT, STR(""));
    transcript_write(transcript, conf, notice, id, add_record, s);
    submit_record(s, RECORD_EXTRACTED, STR(""));
    submit_record(s, RECORD_END, STR(""));
    done = submit_close(s, arena);
    if (done.status != SUBMIT_OK)
        result =
            fail_set(why, "cleanup: %s", *done.reason ? done.reason : "not accepted");
    arena_free(arena);
    return result;
}
