master.uses := util conf net service
master.program := master
