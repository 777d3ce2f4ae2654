/* A configuration directory of a test's own, made before it and removed after. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include "unit.h"

#include "conf/conf.h"
#include "util/arena.h"

#include <stdlib.h>
#include <unistd.h>

struct folder {
    char path[64];
    struct arena *arena;
    struct conf *conf; /* of folder_load; freed with the folder */
    struct fail why;
};

static inline int folder_make(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    strcpy(folder->path, "/tmp/postern-conf-XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    unsetenv("MAIL_CONFIG");
    folder->arena = arena_new("test");
    *state = folder;
    return 0;
}

static inline const char *folder_file(struct folder *folder, const char *name)
{
    return arena_printf(folder->arena, "%s/%s", folder->path, name);
}

static inline int folder_remove(void **state)
{
    struct folder *folder = *state;

    conf_free(folder->conf);
    unlink(folder_file(folder, "main.cf"));
    unlink(folder_file(folder, "master.cf"));
    rmdir(folder->path);
    arena_free(folder->arena);
    free(folder);
    return 0;
}

static inline void folder_write(struct folder *folder, const char *name, const char *text)
{
    FILE *file = fopen(folder_file(folder, name), "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

/* Load main.cf with the text given; NULL (with folder->why) when it is refused. */
static inline struct conf *folder_load_with(struct folder *folder, const char *text,
                                            const char *program,
                                            const char *const *overrides)
{
    const struct conf_options options = {
        .program = program,
        .service = "unit",
        .directory = folder->path,
        .overrides = overrides,
    };

    folder_write(folder, "main.cf", text);
    conf_free(folder->conf);
    folder->conf = conf_load(&options, &folder->why);
    return folder->conf;
}

static inline struct conf *folder_load(struct folder *folder, const char *text)
{
    return folder_load_with(folder, text, "smtpd", NULL);
}

/* The words of a failure, without the directory. */
static inline const char *folder_complaint(struct folder *folder)
{
    const size_t n = strlen(folder->path);

    return strncmp(folder->why.text, folder->path, n) == 0 ? folder->why.text + n + 1
                                                           : folder->why.text;
}

#define folder_test(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

#endif
