/*
 * Decides what is a good address argument of MAIL FROM and RCPT TO, and where
 * it ends. The syntax inside is address_list's; this file adds what SMTP asks
 * beyond it: exactly one address, a well-formed domain, strictness.
 */
#include "mail/path.h"

#include "mail/address.h"
#include "mail/address_list.h"
#include "mail/utf8.h"

#define PATH_TOKENS ADDRESS_MAX /* no address that passes has more */

/*
 * Bytes of the first word of text: blanks inside quotes, or inside <> when it
 * starts with '<', belong to it.
 */
static size_t word_length(struct str text)
{
    bool quoted = false;
    bool angle = text.n > 0 && text.p[0] == '<';

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && i + 1 < text.n)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == '>' && !quoted)
            angle = false;
        else if (c == ' ' && !quoted && !angle)
            return i;
    }
    return text.n;
}

static int check_domain(struct str domain, unsigned flags, struct fail *why)
{
    if (domain.n > 0 && domain.p[0] == '[') {
        if (!address_literal_is_valid(domain))
            return fail_set(why, "bad address literal");
        return 0;
    }
    if (!utf8_is_ascii(domain) && !(flags & PATH_UTF8_OK))
        return fail_set(why, "domain is not ASCII");
    if (str_ends(domain, "."))
        domain = str_head(domain, domain.n - 1);
    if (!address_domain_is_valid(domain))
        return fail_set(why, "bad domain syntax");
    return 0;
}

static int check_strict(struct str word, const struct address_item *item,
                        struct fail *why)
{
    if (word.p[0] != '<' || word.p[word.n - 1] != '>')
        return fail_set(why, "address is not in <>");
    if (item->name.n || item->comment.n)
        return fail_set(why, "comment or name in address");
    if (item->has_domain && address_split(item->address).local.n == 0)
        return fail_set(why, "empty local part");
    return 0;
}

/* The one address of the list, or NULL. Groups around it are let pass. */
static const struct address_item *sole_address(const struct address_list *list,
                                               bool *ret_group)
{
    const struct address_item *item = NULL;

    *ret_group = false;
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind != ADDRESS_MAILBOX) {
            *ret_group = true;
            continue;
        }
        if (item)
            return NULL;
        item = &list->items[i];
    }
    return list->truncated ? NULL : item;
}

static int check_item(struct str word, const struct address_item *item, bool group,
                      unsigned flags, struct fail *why)
{
    if (item->odd || (item->angle && word.p[word.n - 1] != '>'))
        return fail_set(why, "bad address syntax");
    if (item->address.n == 0 && !(flags & PATH_NULL_OK))
        return fail_set(why, "empty address");
    if (address_check(item->address, why) < 0)
        return -1;
    if (!utf8_is_ascii(item->address) && (flags & PATH_UTF8_OK) &&
        !utf8_is_valid(item->address))
        return fail_set(why, "address is not valid UTF-8");
    if (item->has_domain &&
        check_domain(address_split(item->address).domain, flags, why) < 0)
        return -1;
    if (!(flags & PATH_STRICT))
        return 0;
    if (group)
        return fail_set(why, "group instead of an address");
    return check_strict(word, item, why);
}

/*
 * compat: "g:a@b;" in <> is taken as the address inside, because mail from
 * broken clients depends on such forgiveness. (A '>' alone is no matter to
 * address_list, so that "a@b>" is let pass there.)
 */
static struct str without_stray_marks(struct str word)
{
    if (word.n > 2 && word.p[0] == '<' && word.p[word.n - 1] == '>' &&
        word.p[word.n - 2] == ';')
        return str_head(str_tail(word, 1), word.n - 2);
    return word;
}

int path_parse(struct str text, unsigned flags, struct arena *arena, struct path *ret,
               struct fail *why)
{
    bool group;

    text = str_trim_left(text);
    struct str word = str_head(text, word_length(text));
    struct str rest = str_trim_left(str_tail(text, word.n));
    if (word.n == 0)
        return fail_set(why, "no address");
    struct str body = flags & PATH_STRICT ? word : without_stray_marks(word);
    const struct address_item *item =
        sole_address(address_list_parse(body, PATH_TOKENS, arena), &group);
    if (item == NULL)
        return fail_set(why, "not exactly one address");
    if (check_item(word, item, group, flags, why) < 0)
        return -1;
    *ret = (struct path){.address = item->address, .rest = rest};
    return 0;
}
