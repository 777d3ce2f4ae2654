table.uses := util conf mail net ipc
table.libs := @$(GEN)/table/host.options
table.plugin.berkeley.libs := -ldb-5.3
table.plugin.cdb.libs := -lcdb
table.plugin.lmdb.libs := -llmdb
table.plugin.pcre.libs := -lpcre2-8
