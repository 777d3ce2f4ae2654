/* Address headers: parsed, written, parsed again: the same addresses. */
#include "fuzz.h"

#include "mail/address_list.h"
#include "mail/header.h"

static size_t mailboxes(const struct address_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        n += list->items[i].kind == ADDRESS_MAILBOX;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct str input = INPUT(data, size < 20000 ? size : 20000);
    struct address_list *list = address_list_parse(input, 1000, arena);
    struct buf text;

    buf_init(&text, 1 << 20);
    address_list_format(list, STR("To"), &text);
    HOLDS(header_name_length(buf_str(&text)) == 2);
    if (!list->truncated)
        HOLDS(mailboxes(address_list_parse(str_tail(buf_str(&text), 3), 2000, arena)) >=
              mailboxes(list));
    buf_done(&text);
    arena_free(arena);
    return 0;
}
