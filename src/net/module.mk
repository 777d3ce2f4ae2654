net.uses := util
