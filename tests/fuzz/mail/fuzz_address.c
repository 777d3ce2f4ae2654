/* Addresses: what is read from the outside form and written again reads the same. */
#include "fuzz.h"

#include "mail/address.h"
#include "mail/extension.h"

/* Nonsense need not come out as it went in. */
static bool is_sound(struct str internal)
{
    struct fail why;

    return address_check(internal, &why) == 0 &&
           address_domain_is_valid(address_split(internal).domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = INPUT(data, size < 2000 ? size : 2000);
    struct buf internal, external, again;
    struct address parts = address_split(input);
    struct extension extension = extension_split(parts.local, "+-", "double-bounce");

    HOLDS(parts.local.n + parts.domain.n <= input.n);
    HOLDS(extension.user.n + extension.extension.n <= parts.local.n);
    buf_init(&internal, 10000);
    buf_init(&external, 10000);
    buf_init(&again, 10000);
    address_add_internal(&internal, input);
    address_add_external(&external, buf_str(&internal));
    address_add_internal(&again, buf_str(&external));
    if (is_sound(buf_str(&internal)))
        HOLDS(str_eq(buf_str(&again), buf_str(&internal)));
    buf_done(&internal);
    buf_done(&external);
    buf_done(&again);
    return 0;
}
