showq.program := showq
showq.uses := util conf ipc mail queue service
