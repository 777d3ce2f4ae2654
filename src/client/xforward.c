/*
 * One table: which attribute goes into which command, and where its value is.
 */
#include "client/xforward.h"

#include "mail/xtext.h"

#include <stddef.h>

static const struct {
    const char *name;
    size_t command;
    size_t offset;
} attributes[] = {
    {"NAME", 0, offsetof(struct xforward, name)},
    {"ADDR", 0, offsetof(struct xforward, address)},
    {"PORT", 0, offsetof(struct xforward, port)},
    {"PROTO", 1, offsetof(struct xforward, protocol)},
    {"HELO", 1, offsetof(struct xforward, helo)},
    {"IDENT", 1, offsetof(struct xforward, ident)},
    {"SOURCE", 1, offsetof(struct xforward, source)},
};

unsigned xforward_offered(struct str rest)
{
    unsigned offered = 0;
    struct str word;

    while ((word = str_word(&rest, " \t")).n > 0)
        for (size_t i = 0; i < COUNT(attributes); i++)
            if (str_is_nocase(word, attributes[i].name))
                offered |= 1u << i;
    return offered;
}

static const char *value_of(const struct xforward *client, size_t i)
{
    return *(const char *const *)((const char *)client + attributes[i].offset);
}

const char *xforward_command(const struct xforward *client, unsigned offered, size_t i,
                             struct arena *arena)
{
    const char *command = NULL;
    struct buf out;

    buf_init(&out, 1 << 20);
    buf_add_text(&out, "XFORWARD");
    for (size_t k = 0; k < COUNT(attributes); k++) {
        const char *value = value_of(client, k);

        if (attributes[k].command != i || !(offered & 1u << k) || !value || !*value)
            continue;
        buf_printf(&out, " %s=", attributes[k].name);
        xtext_add(&out, str_of(value));
        command = "";
    }
    if (command)
        command = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return command;
}

const char *xforward_command_name(size_t i)
{
    return i == 0 ? "XFORWARD name/address" : "XFORWARD helo/protocol";
}
