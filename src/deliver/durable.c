/*
 * What the kernel tells of the queue's file system: its type, and whether an
 * ext4 has a journal at all. What it does not tell is not trusted.
 */
#include "deliver/durable.h"

#include "util/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ext4 shows the process of its journal, in a folder named as the device. */
static bool has_journal(const char *source)
{
    const char *base = strrchr(source, '/');
    char task[300];

    snprintf(task, sizeof(task), "/sys/fs/ext4/%.200s/journal_task",
             base ? base + 1 : source);
    return access(task, F_OK) == 0;
}

/* A line of mountinfo, proc(5): "36 35 98:0 / /mnt rw - ext4 /dev/sda1 rw". */
static bool is_mount_with_order(const char *line, dev_t device)
{
    unsigned major_number, minor_number;
    char type[64], source[300];
    const char *tail = strstr(line, " - ");

    return tail && sscanf(line, "%*d %*d %u:%u", &major_number, &minor_number) == 2 &&
           makedev(major_number, minor_number) == device &&
           sscanf(tail, " - %63s %299s", type, source) == 2 &&
           (strcmp(type, "xfs") == 0 ||
            (strcmp(type, "ext4") == 0 && has_journal(source)));
}

void durable_init(struct durable *durable, const char *queue_directory)
{
    char line[4096];
    struct stat st;
    FILE *mounts;

    *durable = (struct durable){.ordered = false};
    if (stat(queue_directory, &st) < 0)
        return;
    mounts = fopen("/proc/self/mountinfo", "re");
    if (!mounts)
        return;
    durable->queue = st.st_dev;
    while (!durable->ordered && fgets(line, sizeof(line), mounts))
        durable->ordered = is_mount_with_order(line, st.st_dev);
    fclose(mounts);
}

static bool is_ordered(const struct durable *durable, const struct stat *st)
{
    return durable->ordered && st->st_dev == durable->queue;
}

int durable_directory(const struct durable *durable, const char *directory,
                      const struct stat *st, struct fail *why)
{
    return is_ordered(durable, st) ? 0 : file_sync_directory(directory, why);
}

int durable_parent(const struct durable *durable, const char *path, const struct stat *st,
                   struct fail *why)
{
    return is_ordered(durable, st) ? 0 : file_sync_parent(path, why);
}
