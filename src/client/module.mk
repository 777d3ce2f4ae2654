client.uses := util conf ipc net dns tls sasl mail table queue service deliver
