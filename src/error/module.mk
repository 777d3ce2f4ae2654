error.program := error
error.uses := util conf ipc net mail table queue service deliver
