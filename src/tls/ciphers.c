/* A grade is a list of OpenSSL's, made shorter by "!name" at its end. compat: grades that
 * were weaker than medium mean medium. */
#include "tls/ciphers.h"

#include "util/buf.h"

enum { CIPHERS_MAX = 10000 };

static const char *list_of(const struct tls_grades *grades, const char *grade)
{
    const struct {
        const char *grade, *list;
    } rows[] = {{"high", grades->high},
                {"medium", grades->medium},
                {"low", grades->medium},
                {"export", grades->medium},
                {"null", grades->null}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is_nocase(str_of(grade), rows[i].grade))
            return rows[i].list;
    return NULL;
}

bool tls_grade_is_known(const char *grade)
{
    static const struct tls_grades any = {"", "", ""};

    return list_of(&any, grade) != NULL;
}

/* A sign of OpenSSL's in front of a name would turn the exclusion round. */
static bool is_name(struct str word)
{
    return str_find_any(word, "!-+@=") > 0;
}

static int exclude(struct buf *ciphers, struct str names, struct fail *why)
{
    for (struct str word; (word = str_word(&names, " \t\r\n,:")).n > 0;) {
        if (!is_name(word))
            return fail_set(why, "\"%.*s\" is no name of ciphers", STR_ARG(word));
        if (ciphers->n + word.n + 2 >= CIPHERS_MAX)
            return fail_set(why, "too many ciphers are excluded");
        buf_printf(ciphers, ":!%.*s", STR_ARG(word));
    }
    return 0;
}

const char *tls_ciphers(const struct tls_grades *grades, const char *grade,
                        const char *const *exclusions, struct arena *arena,
                        struct fail *why)
{
    const char *list = list_of(grades, grade), *result = NULL;
    struct buf ciphers;
    int status = 0;

    if (!list) {
        fail_set(why, "\"%s\" is no cipher grade: high, medium or null", grade);
        return NULL;
    }
    if (strlen(list) >= CIPHERS_MAX / 2) {
        fail_set(why, "the list of ciphers \"%s\" is too long", grade);
        return NULL;
    }
    buf_init(&ciphers, CIPHERS_MAX);
    buf_add_text(&ciphers, list);
    for (; *exclusions && status == 0; exclusions++)
        status = exclude(&ciphers, str_of(*exclusions), why);
    if (status == 0)
        result = arena_copy_str(arena, buf_str(&ciphers));
    buf_done(&ciphers);
    return result;
}
