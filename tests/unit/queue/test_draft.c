#include "sandbox.h"

#include "queue/draft.h"
#include "queue/reader.h"
#include "util/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

/* How many entries a directory has. */
static int count(const char *directory)
{
    DIR *d = opendir(directory);
    int n = 0;

    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void a_draft_has_its_id_from_the_start_and_its_mode_at_the_end(void **state)
{
    struct spool spool;
    struct draft draft;
    struct fail why;
    struct stat st;
    struct queue_id_parts parts;
    char id[QUEUE_ID_SIZE];

    (void)state;
    spool_init(&spool, "", 0, true);
    assert_int_equal(draft_create(&draft, &spool, QUEUE_INCOMING, &why), 0);
    assert_int_equal(spool_stat(&spool, "incoming", draft.id, &st, &why), 1);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(queue_id_decode(str_of(draft.id), &parts));
    assert_true(parts.is_long);
    assert_int_equal(parts.inode, st.st_ino);
    assert_int_equal(parts.seconds, draft.created.tv_sec);
    assert_int_equal(parts.microseconds, draft.created.tv_usec);
    assert_int_not_equal(spool.names, SPOOL_NAMES_UNKNOWN);

    draft_add_text(&draft, RECORD_SENDER, "joe");
    strcpy(id, draft.id);
    assert_int_equal(draft_finish(&draft, SPOOL_MODE_READY, NULL, &why), 0);
    assert_int_equal(spool_stat(&spool, "incoming", id, &st, &why), 1);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(st.st_size, 5);
    draft_abandon(&draft); /* harmless now */
    assert_int_equal(count("incoming"), 1);
}

static void records_are_written_where_draft_offset_said(void **state)
{
    static const char big[100000] = {'x'};
    struct spool spool;
    struct draft draft;
    struct fail why;
    struct record_reader r;
    struct record record;
    off_t offsets[5];

    (void)state;
    spool_init(&spool, "", 0, false);
    assert_int_equal(draft_create(&draft, &spool, QUEUE_INCOMING, &why), 0);
    offsets[0] = draft_offset(&draft);
    draft_add_size(&draft, &(struct size_record){1, 1, 1, 0, 1, 0});
    offsets[1] = draft_offset(&draft);
    draft_printf(&draft, RECORD_WARN, "%15ld", 12L);
    offsets[2] = draft_offset(&draft);
    draft_add(&draft, RECORD_LINE, str_from(big, sizeof(big)));
    offsets[3] = draft_offset(&draft);
    draft_add_attribute(&draft, "a", "b");
    draft_add_attribute_number(&draft, "n", 5);
    offsets[4] = draft_offset(&draft);
    draft_add_bytes(&draft, STR("E\0"));

    draft_patch(&draft, offsets[1] + 2, "              7", 15); /* written already */
    draft_patch(&draft, offsets[3] + 4, "c", 1);                /* still in the buffer */
    assert_null(draft_failed(&draft));
    assert_int_equal(draft_flush(&draft, &why), 0);

    record_reader_init(&r, draft.fd, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
        assert_int_equal(record.offset, offsets[i]);
        if (i == 1)
            ROW_EQ("patched", record.data, "              7");
    }
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    ROW_EQ("patched in the buffer", record.data, "a=c");
    assert_int_equal(record.offset, offsets[3]);
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    assert_int_equal(record.type, RECORD_END);
    assert_int_equal(record.offset, offsets[4]);
    record_reader_done(&r);
    draft_abandon(&draft);
    assert_int_equal(count("incoming"), 0);
}

static void a_draft_over_its_limit_fails_and_leaves_nothing(void **state)
{
    static const char data[70000];
    struct spool spool;
    struct draft draft;
    struct fail why = {0};

    (void)state;
    spool_init(&spool, "", 0, false);
    assert_int_equal(draft_create(&draft, &spool, QUEUE_INCOMING, &why), 0);
    draft.limit = 100000;
    draft_add(&draft, RECORD_LINE, str_from(data, sizeof(data)));
    assert_null(draft_failed(&draft));
    draft_add(&draft, RECORD_LINE, str_from(data, sizeof(data)));
    assert_int_equal(draft_failed(&draft)->code, EFBIG);
    draft_add(&draft, RECORD_LINE, str_from(data, 10)); /* changes nothing */
    draft_patch(&draft, 100005, "x", 1);
    assert_int_equal(draft_finish(&draft, SPOOL_MODE_READY, NULL, &why), -1);
    assert_int_equal(why.code, EFBIG);
    assert_int_equal(count("incoming"), 0);
}

static void a_held_message_appears_in_hold_only(void **state)
{
    struct spool spool;
    struct draft draft;
    struct fail why;
    struct stat st;
    char id[QUEUE_ID_SIZE];

    (void)state;
    spool_init(&spool, "hold, incoming", 2, false);
    assert_int_equal(draft_create(&draft, &spool, QUEUE_INCOMING, &why), 0);
    draft_add_text(&draft, RECORD_END, "");
    strcpy(id, draft.id);
    assert_int_equal(draft_finish(&draft, SPOOL_MODE_READY, QUEUE_HOLD, &why), 0);
    assert_int_equal(spool_stat(&spool, "incoming", id, &st, &why), 0);
    assert_int_equal(spool_stat(&spool, "hold", id, &st, &why), 1);
    assert_true(spool_is_ready(&st));
}

static void an_id_in_use_is_never_overwritten(void **state)
{
    struct spool spool;
    struct draft first, second;
    struct fail why;

    (void)state;
    spool_init(&spool, "", 0, false);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(draft_create(&first, &spool, QUEUE_INCOMING, &why), 0);
        assert_int_equal(draft_create(&second, &spool, QUEUE_INCOMING, &why), 0);
        assert_string_not_equal(first.id, second.id);
        assert_int_equal(count("incoming"), 2);
        draft_abandon(&first);
        draft_abandon(&second);
    }
}

static void without_a_directory_there_is_no_draft(void **state)
{
    struct spool spool;
    struct draft draft;
    struct fail why = {0};

    (void)state;
    spool_init(&spool, "", 0, false);
    assert_int_equal(rmdir("incoming"), 0);
    assert_int_equal(draft_create(&draft, &spool, QUEUE_INCOMING, &why), -1);
    assert_int_equal(why.code, ENOENT);
    draft_abandon(&draft);
    draft_abandon(&(struct draft){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(a_draft_has_its_id_from_the_start_and_its_mode_at_the_end),
        sandbox_test(records_are_written_where_draft_offset_said),
        sandbox_test(a_draft_over_its_limit_fails_and_leaves_nothing),
        sandbox_test(a_held_message_appears_in_hold_only),
        sandbox_test(an_id_in_use_is_never_overwritten),
        sandbox_test(without_a_directory_there_is_no_draft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
