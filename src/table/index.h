/*
 * From a text file to its index: what postmap, postalias and newaliases do.
 * Warnings go to the caller one by one, in the words that administrators know.
 */
#ifndef TABLE_INDEX_H
#define TABLE_INDEX_H

#include "table/writer.h"

enum index_syntax { INDEX_MAP, INDEX_ALIASES };

/* What happens with a key that comes twice. */
enum index_duplicate {
    INDEX_DUPLICATE_WARN,
    INDEX_DUPLICATE_QUIET,
    INDEX_DUPLICATE_REPLACE
};

struct index_options {
    struct table_places places;
    enum index_syntax syntax;
    enum index_duplicate duplicate;
    int with_nul;     /* 1, 0, -1 = the type's habit */
    bool no_fold;     /* -f */
    bool plain_mode;  /* -p: mode 0644 whatever the source has */
    bool keep_rights; /* -o: do not become the source's owner, when root */
    bool files;       /* -F: values name files, and the index holds their content */
    bool smtputf8;
    size_t cache; /* berkeley_db_create_buffer_size; 0 = 16 MB */
    size_t lmdb_map_size;
    void (*warn)(void *context, const char *text);
    void *context;
};

/*
 * Build name ("hash:/etc/aliases") anew from the text file that it names. As
 * root, runs with the rights of the file's owner, who must be able to read it. Nothing
 * changes on failure.
 */
int index_build(const char *name, const struct index_options *options,
                struct fail *why) MUST_CHECK;

/* Add the entries read from standard input to the index (-i). */
int index_add(const char *name, const struct index_options *options,
              struct fail *why) MUST_CHECK;

/*
 * Become the owner of the source file (or of its index, when there is no
 * source; or of the link that leads to it, unless root made that) for a while, when root
 * and that owner is another. Undone with ids_restore. 1 = became, 0 = no need.
 */
int index_become_owner(const char *path, struct fail *why) MUST_CHECK;

#endif
