/*
 * Loading: the only writer of struct conf.
 *
 * A name's value is that of -o, else of main.cf, else the default. What a
 * program starts with costs time at each start, so only the parameters that it
 * declares to use ("used" in the catalogue) are expanded and must be valid, and
 * only for these the machine is asked (computed defaults). Values without "$"
 * are not even copied, and most defaults need no look at all: the catalogue has
 * them as they are stored.
 */
#include "conf/identity.h"
#include "conf/include.h"
#include "conf/snapshot.h"
#include "conf/state.h"
#include "conf/value.h"

#include <stdlib.h>

enum { EXPANDED_MAX = 4 * 1024 * 1024 };

/* --- values as written ------------------------------------------------------ */

const struct setting *state_setting(const struct conf_state *state, struct str name)
{
    const struct setting *setting = settings_find(&state->options, name);

    return setting ? setting : settings_find(&state->file, name);
}

static const char *computed_before(const struct conf_state *state, const char *name)
{
    for (size_t i = 0; i < state->n_computed; i++)
        if (strcmp(state->computed[i].name, name) == 0)
            return state->computed[i].text;
    return NULL;
}

static int computed_once(struct conf_state *state, const char *name, const char **ret,
                         struct fail *why)
{
    const char *known = computed_before(state, name), *text;

    if (known == NULL) {
        if (computed_default(state, str_of(name), &text, why) < 0)
            return -1;
        known = computed_before(state, name); /* on the way there */
    }
    if (known == NULL && state->n_computed < CONF_COMPUTED_MAX) {
        state->computed[state->n_computed].name = name;
        state->computed[state->n_computed++].text = text;
    }
    *ret = known ? known : text;
    return 0;
}

/* The value of a name of which the record is known. */
static int value_of(struct conf_state *state, const struct param *param, struct str name,
                    const char **ret, struct fail *why)
{
    const struct setting *setting =
        (param->flags & PARAM_READONLY) ? NULL : state_setting(state, name);

    *ret = NULL;
    if (setting)
        *ret = setting->value;
    else if (param->flags & PARAM_COMPUTED)
        return computed_once(state, param->name, ret, why);
    else if (!(param->flags & PARAM_REMOVED))
        *ret = param->text;
    return 0;
}

int state_value(struct conf_state *state, struct str name, const char **ret,
                struct fail *why)
{
    const struct setting *setting;
    struct param param;
    struct str service;

    if (param_find(name, &param))
        return value_of(state, &param, name, ret, why);
    setting = state_setting(state, name);
    if (setting)
        *ret = setting->value;
    else
        *ret = param_family(name, &param, &service) ? param.text : NULL;
    return 0;
}

/* --- expansion -------------------------------------------------------------- */

int state_expand(struct conf_state *state, const char *text, const char **ret,
                 struct fail *why)
{
    struct buf out;

    if (strchr(text, '$') == NULL) {
        *ret = text;
        return 0;
    }
    buf_init(&out, EXPANDED_MAX);
    if (macro_expand(text, &state->source, &out, why) < 0) {
        buf_done(&out);
        return -1;
    }
    *ret = arena_copy_str(state->arena, buf_str(&out));
    buf_done(&out);
    return 0;
}

int state_text(struct conf_state *state, const char *name, const char **ret,
               struct fail *why)
{
    const char *value;

    if (state_value(state, str_of(name), &value, why) < 0)
        return -1;
    return state_expand(state, value ? value : "", ret, why);
}

static int macro_value(void *context, struct str name, const char **ret, struct fail *why)
{
    return state_value(context, name, ret, why);
}

/* --- typed values ------------------------------------------------------------ */

int state_locate(const struct conf_state *state, const char *name, struct fail *why)
{
    const struct setting *setting = state_setting(state, str_of(name));

    if (setting && setting->line > 0)
        return fail_prefix(why, "%s, line %d", setting->path, setting->line);
    return -1;
}

static int evaluate(struct conf_state *state, const struct param *param, const char *name,
                    union value *ret, struct fail *why)
{
    const char *text;

    if (value_of(state, param, str_of(name), &text, why) < 0)
        return state_locate(state, name, why);
    if (text == NULL) /* of older versions: nothing is left of it */
        text = "";
    if (!(param->flags & PARAM_RAW) && state_expand(state, text, &text, why) < 0) {
        if (state->source.culprit.n > 0)
            name = arena_copy_str(state->arena, state->source.culprit);
        (void)fail_prefix(why, "parameter %s", name);
        return state_locate(state, name, why);
    }
    if (value_parse(param, name, text, ret, why) < 0)
        return state_locate(state, name, why);
    return 0;
}

static void store(struct conf *conf, const struct param *param, const union value *value)
{
    void *member = (char *)conf + param->offset;

    switch (param->type) {
    case PARAM_BOOL:
        *(bool *)member = value->yes;
        break;
    case PARAM_INT:
    case PARAM_TIME:
    case PARAM_CODE:
        *(int *)member = (int)value->number;
        break;
    case PARAM_SIZE:
        *(long long *)member = value->number;
        break;
    default:
        *(const char **)member = value->text;
        break;
    }
}

/*
 * A parameter that this program does not declare to use. Its value need not be
 * valid, and a text with macros is not worth expanding: NULL, so that a program
 * that reads it nevertheless shows at once that "used" is wrong.
 */
static void store_undeclared(struct conf *conf, const struct param *param)
{
    union value value = {0};
    const struct setting *setting = state_setting(conf->state, str_of(param->name));

    if (param->type >= PARAM_TEXT) {
        value.text = setting ? setting->value : param->text;
        if ((param->flags & PARAM_COMPUTED) || strchr(value.text, '$'))
            value.text = NULL;
    } else if (evaluate(conf->state, param, param->name, &value, NULL) < 0 &&
               value_parse(param, param->name, param->text, &value, NULL) < 0)
        memset(&value, 0, sizeof(value));
    store(conf, param, &value);
}

/* The default instead, when that is allowed. */
static int forgive(struct conf_state *state, const struct param *param, union value *ret,
                   const struct fail *why)
{
    const char *text;

    if (!state->lenient)
        return -1;
    texts_add(&state->warnings, state->arena, arena_copy(state->arena, why->text));
    if (state_expand(state, param->text ? param->text : "", &text, NULL) < 0 ||
        value_parse(param, param->name, text, ret, NULL) < 0)
        *ret = (union value){.text = param->type >= PARAM_TEXT ? "" : NULL};
    return 0;
}

/* The numbers are in the catalogue; texts stay where they are. */
static void store_default(struct conf *conf, const struct param *param)
{
    union value value = {.number = param->number};

    if (param->type == PARAM_BOOL)
        value.yes = param->number != 0;
    else if (param->type >= PARAM_TEXT)
        value.text = param->text;
    store(conf, param, &value);
}

/* By row: those that main.cf or an option sets. */
static void mark_set(const struct settings *settings, bool *marks)
{
    for (size_t i = 0; i < settings->n; i++) {
        size_t row = param_row(str_of(settings->items[i].name));

        if (row < params_count())
            marks[row] = true;
    }
}

static int fill(struct conf *conf, struct fail *why)
{
    struct conf_state *state = conf->state;
    uint64_t program = state->all_programs ? UINT64_MAX : params_program(state->program);
    bool *is_set = arena_array(state->arena, params_count(), sizeof(*is_set));

    mark_set(&state->options, is_set);
    mark_set(&state->file, is_set);
    for (size_t i = 0; i < params_count(); i++) {
        struct param param = param_at(i);
        union value value;

        if (param.flags & (PARAM_REMOVED | PARAM_FAMILY))
            continue;
        if (!is_set[i] && !(param.flags & (PARAM_COMPUTED | PARAM_MACROS))) {
            store_default(conf, &param);
            continue;
        }
        if (!param_is_used(i, program)) {
            store_undeclared(conf, &param);
            continue;
        }
        if (evaluate(state, &param, param.name, &value, why) < 0 &&
            forgive(state, &param, &value, why) < 0)
            return -1;
        store(conf, &param, &value);
    }
    return 0;
}

/* A check of the whole configuration: done with its failure, unless it is forgiven. */
static int checked(struct conf *conf, int result, const struct fail *why)
{
    struct conf_state *state = conf->state;

    if (result == 0 || !state->lenient)
        return result;
    texts_add(&state->warnings, state->arena, arena_copy(state->arena, why->text));
    return 0;
}

static int find_values(struct conf *conf, struct fail *why)
{
    if (fill(conf, why) < 0 || checked(conf, identity_check_names(conf, why), why) < 0)
        return -1;
    return checked(conf, identity_read_origin(conf, why), why);
}

/* --- the whole ---------------------------------------------------------------- */

const char *conf_default_directory(void)
{
    struct param param = {.text = ""};

    (void)param_find(STR("config_directory"), &param);
    return param.text;
}

const char *conf_directory(const char *chosen)
{
    if (chosen == NULL)
        chosen = getenv("MAIL_CONFIG");
    return chosen && *chosen ? chosen : conf_default_directory();
}

static struct conf *conf_new(const struct conf_options *options)
{
    struct arena *arena = arena_new("configuration");
    struct conf *conf = ARENA_NEW(arena, struct conf);
    struct conf_state *state = ARENA_NEW(arena, struct conf_state);

    conf->state = state;
    state->arena = arena;
    state->lenient = options->lenient;
    state->all_programs = options->all_programs;
    state->program = arena_copy(arena, options->program);
    state->service =
        options->service ? arena_copy(arena, options->service) : state->program;
    state->directory = arena_copy(arena, conf_directory(options->directory));
    state->source = (struct macro_source){.value = macro_value, .context = state};
    return conf;
}

/* The directory is where we read main.cf, whatever is written there. */
static void keep_directory(struct conf *conf)
{
    struct conf_state *state = conf->state;
    const struct setting *setting = settings_find(&state->file, STR("config_directory"));

    if (setting && strcmp(setting->value, state->directory) != 0)
        texts_add(&state->warnings, state->arena,
                  arena_printf(state->arena,
                               "%s, line %d: overriding earlier entry: "
                               "config_directory=%s",
                               setting->path, setting->line, state->directory));
    conf->config_directory = state->directory;
}

/* Does main.cf ask for conf.d? Those who evaluate nothing take a bad answer for no. */
static int is_include_wanted(struct conf_state *state, bool texts_only, bool *ret,
                             struct fail *why)
{
    const char *const name = "main_cf_include";
    struct param param = {0};
    union value value = {0};

    *ret = false;
    if (state_setting(state, str_of(name)) == NULL || !param_find(str_of(name), &param))
        return 0;
    if (evaluate(state, &param, name, &value, why) == 0)
        *ret = value.yes;
    else if (!texts_only && !state->lenient)
        return -1;
    return 0;
}

static int read_files(struct conf_state *state, bool texts_only, struct fail *why)
{
    const char *path = arena_printf(state->arena, "%s/main.cf", state->directory);
    bool include;

    if (settings_read(path, state->arena, &state->file, &state->warnings, why) < 0 ||
        is_include_wanted(state, texts_only, &include, why) < 0)
        return -1;
    return include ? include_read(state->directory, state->arena, &state->file,
                                  &state->warnings, why)
                   : 0;
}

static int read_settings(struct conf_state *state, const struct conf_options *options,
                         struct fail *why)
{
    if (options->defaults_only)
        return 0;
    if (options->snapshot_fd > 0)
        return snapshot_read(options->snapshot_fd, state->arena, &state->file, why);
    return read_files(state, options->texts_only, why);
}

struct conf *conf_load(const struct conf_options *options, struct fail *why)
{
    struct conf *conf = conf_new(options);
    struct conf_state *state = conf->state;
    struct fail unread;

    if (why == NULL) /* the words of a failure that is forgiven become a warning */
        why = &unread;
    if (settings_of_options(options->overrides, state->arena, &state->options, why) < 0 ||
        read_settings(state, options, why) < 0 ||
        (!options->texts_only && find_values(conf, why) < 0)) {
        conf_free(conf);
        return NULL;
    }
    keep_directory(conf);
    return conf;
}

void conf_free(struct conf *conf)
{
    if (conf)
        arena_free(conf->state->arena);
}

/* --- what callers ask ----------------------------------------------------------- */

const struct texts *conf_warnings(const struct conf *conf)
{
    return &conf->state->warnings;
}

const char *conf_text(const struct conf *conf, const char *name, struct fail *why)
{
    struct conf_state *state = conf->state;
    const char *value;

    if (state_value(state, str_of(name), &value, why) < 0 || value == NULL ||
        state_expand(state, value, &value, why) < 0)
        return NULL;
    return value;
}

static int service_value(const struct conf *conf, const char *service, const char *suffix,
                         union value *ret, struct fail *why)
{
    const char *name = arena_printf(conf->state->arena, "%s_%s", service, suffix);
    struct param param;

    if (!param_find(str_of(name), &param) && !param_family_of(suffix, &param))
        return fail_set(why, "%s: no such parameter", name);
    return evaluate(conf->state, &param, name, ret, why);
}

int conf_service_int(const struct conf *conf, const char *service, const char *suffix,
                     int *ret, struct fail *why)
{
    union value value;

    if (service_value(conf, service, suffix, &value, why) < 0)
        return -1;
    *ret = (int)value.number;
    return 0;
}

int conf_service_text(const struct conf *conf, const char *service, const char *suffix,
                      const char **ret, struct fail *why)
{
    union value value;

    if (service_value(conf, service, suffix, &value, why) < 0)
        return -1;
    *ret = value.text;
    return 0;
}

const char *conf_expand(const struct conf *conf, const char *text, struct fail *why)
{
    struct conf_state *state = conf->state;
    const char *expanded;

    if (state_expand(state, text, &expanded, why) < 0)
        return NULL;
    return expanded == text ? arena_copy(state->arena, text) : expanded;
}

bool conf_is_set(const struct conf *conf, const char *name)
{
    return state_setting(conf->state, str_of(name)) != NULL;
}
