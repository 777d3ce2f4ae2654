pickup.program := pickup
pickup.uses := util conf ipc mail queue service
