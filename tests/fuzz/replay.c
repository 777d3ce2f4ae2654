/*
 * Runs a fuzz target over files, without libFuzzer: the committed corpus, in
 * `make check`. Each file is given whole, then cut at up to 64 places.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

enum { CUTS = 64, INPUT_MAX = 1 << 20 };

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    size_t size, step;

    if (!file || !data) {
        perror(path);
        exit(1);
    }
    size = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    step = size / CUTS + 1;
    for (size_t n = 0; n < size; n += step) {
        /* a block of its own, so that a sanitizer sees a read beyond its end */
        uint8_t *part = malloc(n ? n : 1);

        memcpy(part, data, n);
        LLVMFuzzerTestOneInput(part, n);
        free(part);
    }
    free(data);
}

static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[4096];
    int count = 0;

    if (!dir) {
        perror(folder);
        exit(1);
    }
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            replay(path);
            count++;
        }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = argc == 2 ? replay_folder(argv[1]) : 0;

    if (count == 0) {
        fprintf(stderr, "usage: %s FOLDER (with at least one file)\n", argv[0]);
        return 1;
    }
    printf("%d files\n", count);
    return 0;
}
