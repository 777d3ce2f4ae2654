/*
 * Tables and names; the talk itself is in hello.c and transaction.c.
 */
#include "client/workarounds.h"

#include "conf/conf.h"

static struct maps *open_maps(struct tables *tables, bool lmtp, const char *name,
                              const char *value, struct arena *arena)
{
    return maps_open(tables, arena_printf(arena, "%s_%s", lmtp ? "lmtp" : "smtp", name),
                     value, TABLE_NO_UTF8);
}

void workarounds_init(struct workarounds *ret, struct tables *tables,
                      const struct conf *conf, bool lmtp, struct arena *arena)
{
    *ret = (struct workarounds){
        .discard = open_maps(tables, lmtp,
                             lmtp ? "discard_lhlo_keyword_address_maps"
                                  : "discard_ehlo_keyword_address_maps",
                             lmtp ? conf->lmtp_discard_lhlo_keyword_address_maps
                                  : conf->smtp_discard_ehlo_keyword_address_maps,
                             arena),
        .replies =
            open_maps(tables, lmtp, "reply_filter",
                      lmtp ? conf->lmtp_reply_filter : conf->smtp_reply_filter, arena),
        .pix = open_maps(tables, lmtp, "pix_workaround_maps",
                         lmtp ? conf->lmtp_pix_workaround_maps
                              : conf->smtp_pix_workaround_maps,
                         arena),
        .pix_usual = lmtp ? conf->lmtp_pix_workarounds : conf->smtp_pix_workarounds,
        .pix_threshold_s = lmtp ? conf->lmtp_pix_workaround_threshold_time
                                : conf->smtp_pix_workaround_threshold_time,
        .pix_delay_s = lmtp ? conf->lmtp_pix_workaround_delay_time
                            : conf->smtp_pix_workaround_delay_time,
    };
}

bool workarounds_is_pix(struct str greeting)
{
    struct str text = str_trim(str_tail(greeting, 4));

    return text.n > 0 && str_span(text, "20 *") == text.n && str_find(text, '*') < text.n;
}

int workarounds_pix(const struct workarounds *workarounds, struct str address,
                    long long age_s, struct arena *arena, const char **ret_names,
                    struct fail *why)
{
    struct str rest = str_of(workarounds->pix_usual ? workarounds->pix_usual : "");
    struct str word;
    int bits = 0;

    if (maps_lookup(workarounds->pix, address, MAPS_ALL, arena, &rest, why) ==
        TABLE_ERROR)
        return -1;
    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        if (str_is_nocase(word, "disable_esmtp"))
            bits |= PIX_DISABLE_ESMTP;
        else if (str_is_nocase(word, "delay_dotcrlf") &&
                 age_s >= workarounds->pix_threshold_s)
            bits |= PIX_DELAY_DOT;
    }
    *ret_names =
        arena_printf(arena, "%s%s%s", bits & PIX_DISABLE_ESMTP ? "disable_esmtp" : "",
                     bits == (PIX_DISABLE_ESMTP | PIX_DELAY_DOT) ? " " : "",
                     bits & PIX_DELAY_DOT ? "delay_dotcrlf" : "");
    return bits;
}
