client.uses := util conf ipc net dns mail table queue service deliver
