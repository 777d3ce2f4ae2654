master.uses := util conf net service
