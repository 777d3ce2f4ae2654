pipe.program := pipe
pipe.uses := util conf ipc net mail table queue service deliver
