virtual.program := virtual
virtual.uses := util conf ipc net mail table queue service deliver
