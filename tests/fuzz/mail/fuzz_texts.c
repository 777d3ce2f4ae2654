/* Small texts from peers: xtext, status codes, transports, headers. */
#include "fuzz.h"

#include "mail/header.h"
#include "mail/status.h"
#include "mail/transport.h"
#include "mail/utf8.h"
#include "mail/xtext.h"

static void xtext(struct str input)
{
    struct buf coded, decoded;

    buf_init(&coded, 1 << 20);
    buf_init(&decoded, 1 << 20);
    xtext_add(&coded, input);
    HOLDS(xtext_decode(&decoded, buf_str(&coded)) == 0);
    HOLDS(str_eq(buf_str(&decoded), input));
    buf_reset(&decoded);
    (void)!xtext_decode(&decoded, input);
    buf_reset(&decoded);
    (void)!xtext_decode_utf8_address(&decoded, input);
    buf_done(&coded);
    buf_done(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = INPUT(data, size < 10000 ? size : 10000);
    struct status_split status = status_split(input, "4.3.0");
    struct transport_route route = transport_split(input);

    HOLDS(status_is_valid(str_of(status.status)));
    HOLDS(route.transport.n + route.nexthop.n <= input.n);
    HOLDS(header_name_length(input) < input.n || input.n == 0);
    xtext(input);
    return 0;
}
