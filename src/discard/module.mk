discard.program := discard
discard.uses := util conf ipc net mail table queue service deliver
