cleanup.program := cleanup
cleanup.uses := util conf ipc net mail table queue milter service
