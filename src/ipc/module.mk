ipc.uses := util net
