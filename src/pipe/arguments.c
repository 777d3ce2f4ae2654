/*
 * One table of macros says what each stands for. compat: these are not the
 * macros of main.cf; "${name?text}" is not known here.
 */
#include "pipe/arguments.h"

#include "mail/address.h"
#include "mail/extension.h"
#include "mail/utf8.h"

enum { WORD_MAX = 1 << 20 };

struct expansion {
    const struct settings *settings;
    const struct delivery *delivery;
    const struct delivery_recipient *recipient; /* that the word is made for */
    struct arena *arena;
    bool of_recipient; /* the word has a macro that differs from one to the next */
    struct fail *why;
};

/* --- values ------------------------------------------------------------------------- */

static const char *folded(const struct expansion *e, struct str text, unsigned flag)
{
    const struct conf *conf = e->delivery->process->conf;
    struct buf out;
    const char *result;

    if (!(e->settings->flags & flag))
        return arena_copy_str(e->arena, text);
    buf_init(&out, WORD_MAX);
    utf8_add_folded(&out, text, conf->smtputf8_enable);
    result = arena_copy_str(e->arena, buf_str(&out));
    buf_done(&out);
    return result;
}

static const char *local_part(const struct expansion *e)
{
    return folded(e, address_split(str_of(e->recipient->address)).local, PIPE_FOLD_USER);
}

static struct extension extension_of(const struct expansion *e)
{
    const struct conf *conf = e->delivery->process->conf;

    return extension_split(str_of(local_part(e)), conf->recipient_delimiter,
                           conf->double_bounce_sender);
}

static const char *quoted(const struct expansion *e, const char *address)
{
    return e->settings->flags & PIPE_QUOTE ? address_external(e->arena, str_of(address))
                                           : address;
}

static const char *value_user(const struct expansion *e)
{
    return arena_copy_str(e->arena, extension_of(e).user);
}

static const char *value_extension(const struct expansion *e)
{
    return arena_copy_str(e->arena, extension_of(e).extension);
}

static const char *value_domain(const struct expansion *e)
{
    return folded(e, address_split(str_of(e->recipient->address)).domain, PIPE_FOLD_HOST);
}

static const char *value_recipient(const struct expansion *e)
{
    struct address parts = address_split(str_of(e->recipient->address));

    return quoted(e, arena_printf(e->arena, "%s%s%s", local_part(e),
                                  parts.has_domain ? "@" : "", value_domain(e)));
}

static const char *value_original_recipient(const struct expansion *e)
{
    return quoted(e, e->recipient->original);
}

static const char *value_sender(const struct expansion *e)
{
    const char *sender = e->delivery->request.sender;

    return *sender ? quoted(e, sender) : e->settings->null_sender;
}

static const char *value_nexthop(const struct expansion *e)
{
    return folded(e, str_of(e->delivery->request.nexthop), PIPE_FOLD_HOST);
}

static const char *value_size(const struct expansion *e)
{
    return arena_printf(e->arena, "%lld", e->delivery->request.data_size);
}

/* A text of the request as it is. */
#define REQUEST_VALUE(name)                                                              \
    static const char *value_##name(const struct expansion *e)                           \
    {                                                                                    \
        return e->delivery->request.name;                                                \
    }
REQUEST_VALUE(queue_id)
REQUEST_VALUE(client_address)
REQUEST_VALUE(client_helo)
REQUEST_VALUE(client_name)
REQUEST_VALUE(client_port)
REQUEST_VALUE(client_protocol)
REQUEST_VALUE(envelope_id)
REQUEST_VALUE(sasl_method)
REQUEST_VALUE(sasl_sender)
REQUEST_VALUE(sasl_username)

static const struct macro {
    const char *name;
    const char *(*value)(const struct expansion *e);
    bool of_recipient;
} macros[] = {
    {"client_address", value_client_address, false},
    {"client_helo", value_client_helo, false},
    {"client_hostname", value_client_name, false},
    {"client_port", value_client_port, false},
    {"client_protocol", value_client_protocol, false},
    {"domain", value_domain, true},
    {"envid", value_envelope_id, false},
    {"extension", value_extension, true},
    {"mailbox", local_part, true},
    {"nexthop", value_nexthop, false},
    {"original_recipient", value_original_recipient, true},
    {"queue_id", value_queue_id, false},
    {"recipient", value_recipient, true},
    {"sasl_method", value_sasl_method, false},
    {"sasl_sender", value_sasl_sender, false},
    {"sasl_username", value_sasl_username, false},
    {"sender", value_sender, false},
    {"size", value_size, false},
    {"user", value_user, true},
};

/* --- words ----------------------------------------------------------------------------
 */

static const struct macro *find(struct str name)
{
    for (size_t i = 0; i < COUNT(macros); i++)
        if (str_is(name, macros[i].name))
            return &macros[i];
    return NULL;
}

/* The name behind a '$', in braces or without; *rest is advanced past it. */
static int take_name(struct expansion *e, struct str *rest, struct str *ret)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_";
    char close = str_starts(*rest, "{") ? '}' : str_starts(*rest, "(") ? ')' : '\0';
    size_t n;

    if (close == '\0') {
        n = str_span(*rest, letters);
        *ret = str_head(*rest, n);
        *rest = str_tail(*rest, n);
        return n ? 0 : fail_set(e->why, "a \"$\" without a name behind it");
    }
    n = str_find(*rest, close);
    if (n == rest->n)
        return fail_set(e->why, "\"$%.*s\" is not closed", STR_ARG(*rest));
    *ret = str_head(str_tail(*rest, 1), n - 1);
    *rest = str_tail(*rest, n + 1);
    return 0;
}

static int expand_macro(struct expansion *e, struct str *rest, struct buf *out)
{
    const struct macro *macro;
    struct str name;

    if (str_starts(*rest, "$")) {
        buf_add_char(out, '$');
        *rest = str_tail(*rest, 1);
        return 0;
    }
    if (take_name(e, rest, &name) < 0)
        return -1;
    macro = find(name);
    if (!macro)
        return fail_set(e->why, "unknown macro name: \"%.*s\"", STR_ARG(name));
    e->of_recipient = e->of_recipient || macro->of_recipient;
    buf_add_text(out, macro->value(e));
    return 0;
}

/* One word for one recipient. */
static int expand_word(struct expansion *e, const char *word, const char **ret)
{
    struct str rest = str_of(word);
    struct buf out;
    int result = 0;

    buf_init(&out, WORD_MAX);
    buf_add_text(&out, "");
    while (result == 0 && rest.n) {
        size_t n = str_find(rest, '$');

        buf_add_str(&out, str_head(rest, n));
        if (n < rest.n) {
            rest = str_tail(rest, n + 1);
            result = expand_macro(e, &rest, &out);
        } else {
            rest = STR_NONE;
        }
    }
    if (result == 0)
        *ret = arena_copy_str(e->arena, buf_str(&out));
    buf_done(&out);
    return result == 0 ? 0 : -1;
}

static int expand_for_all(struct expansion *e, const char *word, struct texts *ret)
{
    const struct delivery *delivery = e->delivery;

    e->of_recipient = false;
    for (size_t i = 0; i < delivery->n; i++) {
        const char *expanded = NULL;

        if (delivery->recipients[i].reported)
            continue;
        e->recipient = &delivery->recipients[i];
        if (expand_word(e, word, &expanded) < 0)
            return -1;
        texts_add(ret, e->arena, expanded);
        if (!e->of_recipient)
            break;
    }
    return 0;
}

int arguments_expand(const struct settings *settings, const struct delivery *delivery,
                     struct texts *ret, struct fail *why)
{
    struct expansion e = {
        .settings = settings, .delivery = delivery, .arena = delivery->arena, .why = why};

    for (const char *const *word = settings->argv; *word; word++)
        if (expand_for_all(&e, *word, ret) < 0)
            return -1;
    return 0;
}
