queue.uses := util conf mail ipc
