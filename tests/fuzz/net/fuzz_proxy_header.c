/* PROXY headers: what is taken for one tells of two addresses of one family, or of none.
 */
#include "fuzz.h"

#include "net/proxy_header.h"

static void check(int result, const struct proxy_header *header, const struct fail *why)
{
    if (result < 0)
        HOLDS(*why->text != '\0');
    else if (header->is_told)
        HOLDS(netaddr_size(&header->client) > 0 && netaddr_size(&header->server) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header;
    struct fail why = {0};
    size_t n;

    check(proxy_header_line(INPUT(data, size), &header, &why), &header, &why);
    if (size < PROXY_FIXED)
        return 0;
    if (proxy_header_rest(INPUT(data, PROXY_FIXED), &n, &why) < 0)
        return 0;
    HOLDS(n <= PROXY_REST_MAX);
    if (n > size - PROXY_FIXED)
        n = size - PROXY_FIXED;
    check(proxy_header_binary(INPUT(data, PROXY_FIXED), INPUT(data + PROXY_FIXED, n),
                              &header, &why),
          &header, &why);
    return 0;
}
