/* Address headers: parsed, written as a header again, and parsed once more. */
#include "fuzz.h"

#include "mail/address_list.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct str input = INPUT(data, size < 20000 ? size : 20000);
    struct address_list *list = address_list_parse(input, 1000, arena);
    struct buf text;

    buf_init(&text, 1 << 20);
    address_list_format(list, STR("To"), &text);
    HOLDS(header_name_length(buf_str(&text)) == 2);
    (void)address_list_parse(str_tail(buf_str(&text), 3), 2000, arena);
    buf_done(&text);
    arena_free(arena);
    return 0;
}
