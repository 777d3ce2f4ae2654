ipc.uses := util
