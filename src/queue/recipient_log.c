/*
 * The text of the logs in defer/, bounce/ and trace/.
 *
 * Reading is lenient: a log may come from an older version or be cut by a
 * crash; what an entry lacks gets a default, and what is unknown is skipped.
 */
#include "queue/recipient_log.h"

#include "util/list.h"

#include <stdio.h>

/* --- writing --- */

/* "name=value", one line whatever value holds; nothing when it is empty. */
static void add_line(struct buf *b, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    buf_add_text(b, name);
    buf_add_char(b, '=');
    for (; *value; value++)
        buf_add_char(b, *value == '\n' || *value == '\r' ? ' ' : *value);
    buf_add_char(b, '\n');
}

static void add_number(struct buf *b, const char *name, long value)
{
    if (value != 0)
        buf_printf(b, "%s=%ld\n", name, value);
}

void recipient_log_format(struct buf *b, const struct recipient_log_entry *entry,
                          bool old_style)
{
    const bool null = entry->recipient == NULL || entry->recipient[0] == '\0';
    const size_t start = b->n;

    buf_add_char(b, '\n');
    if (old_style) {
        buf_printf(b, "<%s>: %s", null ? "" : entry->recipient,
                   entry->reason ? entry->reason : "");
        for (size_t i = start + 1; i < b->n; i++)
            if (b->p[i] == '\n' || b->p[i] == '\r')
                b->p[i] = ' ';
        buf_add_char(b, '\n');
    }
    add_line(b, "recipient", null ? "<>" : entry->recipient);
    add_line(b, "original_recipient", entry->original);
    add_number(b, "offset", entry->offset);
    add_line(b, "dsn_orig_rcpt", entry->dsn_orig_rcpt);
    add_number(b, "notify_flags", entry->notify);
    add_line(b, "status", entry->status);
    add_line(b, "action", entry->action);
    if (entry->diag_text && entry->diag_text[0]) {
        add_line(b, "diag_type", entry->diag_type);
        add_line(b, "diag_text", entry->diag_text);
    }
    if (entry->mta_name && entry->mta_name[0]) {
        add_line(b, "mta_type", entry->mta_type);
        add_line(b, "mta_mname", entry->mta_name);
    }
    add_line(b, "reason", entry->reason);
    buf_add_char(b, '\n');
}

/* --- reading --- */

static const struct {
    const char *name;
    size_t offset; /* of the const char * in the entry */
} texts[] = {
    {"recipient", offsetof(struct recipient_log_entry, recipient)},
    {"original_recipient", offsetof(struct recipient_log_entry, original)},
    {"dsn_orig_rcpt", offsetof(struct recipient_log_entry, dsn_orig_rcpt)},
    {"status", offsetof(struct recipient_log_entry, status)},
    {"action", offsetof(struct recipient_log_entry, action)},
    {"diag_type", offsetof(struct recipient_log_entry, diag_type)},
    {"diag_text", offsetof(struct recipient_log_entry, diag_text)},
    {"mta_type", offsetof(struct recipient_log_entry, mta_type)},
    {"mta_mname", offsetof(struct recipient_log_entry, mta_name)},
    {"reason", offsetof(struct recipient_log_entry, reason)},
};

static const char **slot(struct recipient_log_entry *entry, size_t i)
{
    return (const char **)((char *)entry + texts[i].offset);
}

/* "<addr>: reason" of an entry that may have nothing else; false when the line is not
 * like that. */
static bool take_old_style(struct str line, struct arena *arena,
                           struct recipient_log_entry *entry)
{
    size_t end;

    if (line.n == 0 || line.p[0] != '<')
        return false;
    for (end = 1; end + 2 < line.n; end++)
        if (line.p[end] == '>' && line.p[end + 1] == ':' && line.p[end + 2] == ' ')
            break;
    if (end + 2 >= line.n)
        return false;
    entry->recipient = arena_copy_str(arena, str_from(line.p + 1, end - 1));
    entry->reason = arena_copy_str(arena, str_tail(line, end + 3));
    return true;
}

static void take_named(struct str line, struct arena *arena,
                       struct recipient_log_entry *entry)
{
    struct str value = line;
    struct str name = str_until(&value, '=');
    unsigned long long number;

    if (name.n == line.n)
        return;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (str_is(name, texts[i].name)) {
            *slot(entry, i) = arena_copy_str(arena, value);
            return;
        }
    if (str_is(name, "offset") && str_number(value, 999999999999999999ULL, &number))
        entry->offset = (long)number;
    if (str_is(name, "notify_flags") && str_number(value, 0xff, &number))
        entry->notify = (int)number;
}

static void fill_in(struct recipient_log_entry *entry, const char *status,
                    const char *action)
{
    if (entry->status == NULL)
        entry->status = status;
    if (entry->action == NULL)
        entry->action = action;
    if (strcmp(entry->recipient, "<>") == 0)
        entry->recipient = "";
    for (size_t i = 0; i < COUNT(texts); i++)
        if (*slot(entry, i) == NULL)
            *slot(entry, i) = "";
}

bool recipient_log_next(struct str *rest, const char *default_status,
                        const char *default_action, struct arena *arena,
                        struct recipient_log_entry *ret)
{
    struct recipient_log_entry entry = {0};

    while (rest->n > 0) {
        struct str line = str_trim_right(str_until(rest, '\n'));

        if (line.n > 0) {
            if (!take_old_style(line, arena, &entry))
                take_named(line, arena, &entry);
        } else if (entry.recipient) {
            break;
        } else { /* the remains of an entry without a recipient */
            entry = (struct recipient_log_entry){0};
        }
    }
    if (entry.recipient == NULL)
        return false;
    fill_in(&entry, default_status, default_action);
    *ret = entry;
    return true;
}
