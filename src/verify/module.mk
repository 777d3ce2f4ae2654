verify.program := verify
verify.uses := util conf ipc net table mail queue service
