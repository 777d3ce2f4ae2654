conf.uses := util net mail
