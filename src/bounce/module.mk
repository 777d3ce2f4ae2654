bounce.program := bounce
bounce.uses := util conf ipc net mail table queue service
