conf.uses := util
