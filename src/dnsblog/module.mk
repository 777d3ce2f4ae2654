dnsblog.program := dnsblog
dnsblog.uses := util conf ipc net dns service
