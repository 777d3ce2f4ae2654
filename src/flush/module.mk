flush.program := flush
flush.uses := util conf ipc mail queue service
