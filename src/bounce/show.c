/*
 * "bounce -S templates|texts": what postconf -t and -b print. Here, since nobody else
 * knows the words of reports; without master, and with the rights of who asks.
 */
#include "bounce/bounce.h"

#include "util/log.h"

static void show_template(struct stream *out, const struct template *template)
{
    stream_printf(out, "%s_template = <<EOF\nCharset: %s\nFrom: %s\nSubject: %s\n",
                  template->name, template->charset, template->from, template->subject);
    if (template->postmaster_subject)
        stream_printf(out, "Postmaster-Subject: %s\n", template->postmaster_subject);
    stream_printf(out, "\n%s", template->body);
}

static void show_text(struct stream *out, const struct template *template,
                      struct process *process)
{
    struct texts warnings = {0};
    const char *text;
    struct fail why;

    if (template_expand(template, process->conf, process->arena, &warnings, &text, &why) <
        0)
        fatal("%s", why.text);
    for (size_t i = 0; i < warnings.n; i++)
        log_warning("%s", warnings.items[i]);
    stream_printf(out, "expanded_%s_text = <<EOF\n%s", template->name, text);
}

void show_templates(struct client *client)
{
    struct process *process = client->process;
    struct bouncer *bouncer = process->state;
    const bool expanded = process->argc == 1 && strcmp(process->argv[0], "texts") == 0;

    if (process->argc != 1 || (!expanded && strcmp(process->argv[0], "templates") != 0))
        fatal("usage: bounce -S templates|texts");
    for (size_t i = 0; i < REPORT_KINDS; i++) {
        const struct template *template = &bouncer->templates.of[i];

        if (expanded)
            show_text(client->stream, template, process);
        else
            show_template(client->stream, template);
        stream_write_text(client->stream, i + 1 < REPORT_KINDS ? "EOF\n\n" : "EOF\n");
    }
    if (stream_flush(client->stream) != STREAM_OK)
        fatal("write: %m");
}
