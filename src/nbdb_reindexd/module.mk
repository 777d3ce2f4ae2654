nbdb_reindexd.program := nbdb_reindexd
nbdb_reindexd.uses := util conf ipc net mail table service
