queue.uses := util conf mail
