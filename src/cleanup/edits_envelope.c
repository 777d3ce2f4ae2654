/*
 * Sender and recipients that filters change. They are taken as in SMTP; what is no
 * address is logged and changes nothing.
 */
#include "cleanup/edits.h"

#include "mail/path.h"
#include "mail/xtext.h"
#include "queue/reader.h"
#include "util/log.h"

/* The address, scratch; NULL = it is none, which is logged. */
static const char *parse_address(struct message *m, struct str text, const char *what)
{
    struct path path;
    struct fail why;

    if (path_parse(text, PATH_NULL_OK | PATH_UTF8_OK, m->scratch, &path, &why) == 0)
        return rewrite_standard(m, arena_copy_str(m->scratch, path.address));
    log_warning("%s: ignoring a milter's request to %s \"%.*s\": %s", m->draft.id, what,
                (int)(text.n > 100 ? 100 : text.n), text.n ? text.p : "", why.text);
    return NULL;
}

/* The value of a parameter "NAME=value" decoded; NULL = it is another one. */
static const char *parameter(struct message *m, struct str word, const char *name)
{
    struct str value = word;
    struct str found = str_until(&value, '=');
    const char *text = NULL;
    struct buf out;

    if (!str_is_nocase(found, name))
        return NULL;
    buf_init(&out, RECORD_ENVELOPE_MAX);
    if (value.n < RECORD_ENVELOPE_MAX && xtext_decode(&out, value) == 0 &&
        record_fits_envelope(buf_str(&out)))
        text = arena_copy_str(m->scratch, buf_str(&out));
    buf_done(&out);
    return text;
}

static void add_sender_parameter(struct message *m, struct str word)
{
    const char *value;

    if (str_is_nocase(word, "RET=FULL") || str_is_nocase(word, "RET=HDRS"))
        draft_add_attribute_number(&m->draft, "ret_flags",
                                   str_is_nocase(word, "RET=FULL") ? 1 : 2);
    else if ((value = parameter(m, word, "ENVID")) != NULL)
        draft_add_attribute(&m->draft, "envelope_id", value);
    else
        log_warning("Ignoring bad ESMTP parameter \"%.*s\" in SMFI_CHGFROM request",
                    STR_ARG(word));
}

int edits_change_sender(void *context, struct str address, struct str parameters,
                        struct fail *why)
{
    struct message *m = context;
    const char *sender;
    off_t start;
    struct str word;

    (void)why;
    arena_reset(m->scratch);
    sender = parse_address(m, address, "change the sender to");
    if (!sender || strlen(sender) > RECORD_ENVELOPE_MAX)
        return 0;
    start = edits_begin_envelope(m);
    while ((word = str_word(&parameters, " \t")).n)
        add_sender_parameter(m, word);
    draft_add_text(&m->draft, RECORD_SENDER, sender);
    (void)edits_add_pointer(m, m->edits.sender_next);
    edits_point(m, m->edits.sender_place, start);
    m->sender = arena_copy(m->arena, sender);
    return 0;
}

static int notify_of(struct str words)
{
    static const struct {
        const char *word;
        int bit;
    } rows[] = {{"NEVER", NOTIFY_NEVER},
                {"SUCCESS", NOTIFY_SUCCESS},
                {"FAILURE", NOTIFY_FAILURE},
                {"DELAY", NOTIFY_DELAY}};
    struct str word;
    int bits = 0;

    while ((word = str_word(&words, ",")).n) {
        int before = bits;

        for (size_t i = 0; i < COUNT(rows); i++)
            if (str_is_nocase(word, rows[i].word))
                bits |= rows[i].bit;
        if (bits == before)
            return 0;
    }
    return (bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER ? 0 : bits;
}

static void take_recipient_parameter(struct message *m, struct str word,
                                     struct addressee *a)
{
    const char *value;

    if (str_starts_nocase(word, "NOTIFY=") && notify_of(str_tail(word, 7)))
        a->notify = notify_of(str_tail(word, 7));
    else if ((value = parameter(m, word, "ORCPT")) != NULL && strchr(value, ';'))
        a->orcpt = value;
    else
        log_warning("%s: ignoring ESMTP argument from Milter or header/body_checks: "
                    "\"%.*s\"",
                    m->draft.id, STR_ARG(word));
}

int edits_add_recipient(void *context, struct str address, struct str parameters,
                        struct fail *why)
{
    struct message *m = context;
    struct addressee a = {0};
    off_t start;
    struct str word;

    (void)why;
    arena_reset(m->scratch);
    a.address = a.original = parse_address(m, address, "add the recipient");
    if (!a.address || *a.address == '\0')
        return 0;
    while ((word = str_word(&parameters, " \t")).n)
        take_recipient_parameter(m, word, &a);
    m->size.flags |= (long)a.notify << SIZE_NOTIFY_SHIFT;
    start = edits_begin_envelope(m);
    recipient_add_late(m, &a);
    edits_add_to_envelope(m, start);
    return 0;
}

/* Cross out one segment's recipients that came in as address. */
static int cross_out(struct message *m, off_t start, int last_type, const char *address,
                     struct fail *why)
{
    struct record_reader reader;
    struct record record = {0};
    enum record_result result = RECORD_OK;
    bool is_it = false;

    record_reader_init(&reader, m->draft.fd, start);
    while (record.type != last_type && result == RECORD_OK) {
        result = record_read(&reader, &record, why);
        if (result != RECORD_OK)
            break;
        if (record.type == RECORD_ORIGINAL)
            is_it = str_is(record.data, address);
        if (record.type == RECORD_RECIPIENT && is_it) {
            draft_patch(&m->draft, record.offset, &(char){RECORD_CANCELLED}, 1);
            m->size.recipients--;
        }
    }
    record_reader_done(&reader);
    return result == RECORD_OK ? 0 : -1;
}

int edits_delete_recipient(void *context, struct str address, struct fail *why)
{
    struct message *m = context;
    const char *text;

    arena_reset(m->scratch);
    text = parse_address(m, address, "delete the recipient");
    if (!text)
        return 0;
    m->edits.deleted = true;
    if (draft_flush(&m->draft, why) < 0 || cross_out(m, 0, RECORD_CONTENT, text, why) < 0)
        return -1;
    return cross_out(m, m->content_end, RECORD_END, text, why);
}
