postlogd.uses := util conf service
postlogd.program := postlogd
