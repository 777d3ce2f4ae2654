/* client/message.c: from the queue file to SMTP lines. */
#include "client/message.h"
#include "queue/message.h"

#include "conf/conf.h"
#include "util/log.h"

#include <sys/stat.h>

#define EIGHT  "Content-Transfer-Encoding: 8bit"
#define QUOTED "Content-Transfer-Encoding: quoted-printable"

/* Records of the content: "N line", "L piece of a line". */
static const struct {
    const char *what;
    const char *content[8];
    bool to_7bit;
    const char *body_checks;
    const char *said;
} rows[] = {
    {"as it is",
     {"N" EIGHT, "N", "N.\xc3\xa4"},
     false,
     "",
     EIGHT "\r\n\r\n..\xc3\xa4\r\n"},
    {"7 bits",
     {"N" EIGHT, "N", "N.\xc3\xa4 "},
     true,
     "",
     QUOTED "\r\n\r\n..=C3=A4=20\r\n"},
    {"nothing to convert",
     {"NSubject: x", "N", "N\xc3\xa4"},
     true,
     "",
     "Subject: x\r\n\r\n\xc3\xa4\r\n"},
    {"folded header",
     {"NTo: a,", "N b", "N", "Nx"},
     true,
     "",
     "To: a,\r\n b\r\n\r\nx\r\n"},
    {"pieces",
     {"NSubject: x", "N", "Labc", "Ldef", "Nghi"},
     false,
     "",
     "Subject: x\r\n\r\nabcdefghi\r\n"},
    {"checked by its first piece",
     {"NSubject: x", "N", "Labc", "Ldef", "Nghi", "Ndef"},
     false,
     "{abc = REPLACE new}",
     "Subject: x\r\n\r\nnew\r\ndef\r\n"},
    {"pieces dropped",
     {"NSubject: x", "N", "Labc", "Nghi", "Nrest"},
     false,
     "{abc = IGNORE}",
     "Subject: x\r\n\r\nrest\r\n"},
    {"only the first piece is checked",
     {"NSubject: x", "N", "Labc", "Nghi"},
     false,
     "{ghi = IGNORE}",
     "Subject: x\r\n\r\nabcghi\r\n"},
    {"put before",
     {"NSubject: x", "N", "Labc", "Nghi"},
     false,
     "{abc = PREPEND new}",
     "Subject: x\r\n\r\nnew\r\nabcghi\r\n"},
};

static void drop_line(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level, (void)text;
}

static int file_with(const char *const *content)
{
    struct buf file;
    int fd;

    buf_init(&file, 1 << 20);
    for (; *content; content++)
        record_add_text(&file, (*content)[0] == 'N' ? RECORD_LINE : RECORD_CHUNK,
                        *content + 1);
    record_add_text(&file, RECORD_EXTRACTED, "");
    fd = file_of(buf_str(&file));
    buf_done(&file);
    return fd;
}

struct stage {
    struct conf *conf;
    struct arena *arena;
    struct tables *tables;
    struct outgoing outgoing;
    struct process process;
    struct delivery delivery;
};

static void begin(struct stage *stage, const char *body_checks, int fd)
{
    static const char none[] = "inet_interfaces=loopback-only";
    char setting[200];
    const char *overrides[] = {none, setting, NULL};
    struct conf_options options = {
        .program = "smtp", .overrides = overrides, .defaults_only = true};
    struct fail why;

    snprintf(setting, sizeof setting, "smtp_body_checks=%s%s%s",
             *body_checks ? "inline:{" : "", body_checks, *body_checks ? "}" : "");
    *stage = (struct stage){.arena = arena_new("test")};
    stage->conf = conf_load(&options, &why);
    assert_non_null(stage->conf);
    stage->tables = tables_new(stage->conf);
    assert_int_equal(outgoing_init(&stage->outgoing, stage->tables, stage->conf, false,
                                   stage->arena, &why),
                     0);
    stage->process = (struct process){.conf = stage->conf};
    stage->delivery = (struct delivery){.request = {.queue_id = "ABC"},
                                        .fd = fd,
                                        .process = &stage->process,
                                        .arena = stage->arena};
    log_divert(drop_line, NULL);
}

static void end(struct stage *stage)
{
    log_divert(NULL, NULL);
    tables_free(stage->tables);
    conf_free(stage->conf);
    arena_free(stage->arena);
    record_reader_done(&stage->delivery.content);
    close(stage->delivery.fd);
}

static int write_message(struct stage *stage, bool to_7bit, struct stream *to,
                         struct fail *why)
{
    bool rules = outgoing_has_content_rules(&stage->outgoing);
    struct message message = {.delivery = &stage->delivery,
                              .outgoing = rules ? &stage->outgoing : NULL,
                              .to_7bit = to_7bit,
                              .server = "mx.test[192.0.2.1]"};
    struct content content;
    int result;

    content_init(&content, to, 998);
    result = message_write(&message, &content, why);
    assert_int_equal(stream_flush(to), STREAM_OK);
    return result;
}

static void messages_pass_or_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stream *to = stream_memory(STR(""));
        struct stage stage;
        struct fail why;

        begin(&stage, rows[i].body_checks, file_with(rows[i].content));
        ROW_INT(rows[i].what, write_message(&stage, rows[i].to_7bit, to, &why), 0);
        ROW_EQ(rows[i].what, stream_memory_output(to), rows[i].said);
        stream_free(to);
        end(&stage);
    }
}

static void a_damaged_file_is_marked(void **state)
{
    struct stream *to = stream_memory(STR(""));
    struct stage stage;
    struct fail why = {0};
    struct stat st;

    (void)state;
    begin(&stage, "",
          file_of(STR("N\x03"
                      "abcN\x7fxx")));
    assert_int_equal(write_message(&stage, false, to, &why), -1);
    assert_string_equal(why.text, "queue file read error");
    assert_int_equal(fstat(stage.delivery.fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0400);
    stream_free(to);
    end(&stage);
}

static void a_table_that_fails_ends_the_message(void **state)
{
    static const char *const content[] = {"NSubject: x", "N", "Nabc", "Ndef", NULL};
    struct stream *to = stream_memory(STR(""));
    struct stage stage;
    struct fail why = {0};

    (void)state;
    begin(&stage, "", file_with(content));
    stage.outgoing.body_checks = maps_open(stage.tables, "smtp_body_checks", "fail:x", 0);
    assert_int_equal(write_message(&stage, false, to, &why), -1);
    assert_string_equal(why.text, "local data error while talking to mx.test[192.0.2.1]");
    ROW_EQ("fails", stream_memory_output(to), "Subject: x\r\n\r\n");
    stream_free(to);
    end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_or_change),
        cmocka_unit_test(a_damaged_file_is_marked),
        cmocka_unit_test(a_table_that_fails_ends_the_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
