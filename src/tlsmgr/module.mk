tlsmgr.program := tlsmgr
tlsmgr.uses := util conf ipc net tls table mail service
