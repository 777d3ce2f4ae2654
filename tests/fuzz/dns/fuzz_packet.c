/* DNS answers: the records of a hostile server. */
#include "fuzz.h"

#include "dns/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A,   DNS_AAAA, DNS_MX,
                                          DNS_PTR, DNS_TXT,  DNS_SRV};
    struct str packet = INPUT(data, size < DNS_PACKET_MAX ? size : DNS_PACKET_MAX);

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct arena *arena = arena_new("fuzz");
        const struct packet_asked asked = {
            "example.com", types[i], (uint16_t)(size > 1 ? data[0] << 8 | data[1] : 0)};
        struct packet_answer answer;

        if (packet_read(packet, &asked, arena, &answer) == PACKET_ANSWER)
            for (size_t k = 0; k < answer.n; k++)
                HOLDS(dns_record_text(&answer.records[k], arena)[0] != '\0');
        arena_free(arena);
    }
    return 0;
}
