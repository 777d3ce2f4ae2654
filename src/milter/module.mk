milter.uses := util conf net
