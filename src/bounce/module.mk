bounce.program := bounce
bounce.uses := util conf ipc mail queue service
