client.uses := util conf ipc net dns tls mail table queue service deliver
