table.uses := util conf mail net ipc
table.libs := -ldb-5.3 -lpcre2-8
