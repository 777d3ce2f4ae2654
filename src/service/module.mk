service.uses := util conf ipc net
