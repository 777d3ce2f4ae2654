tlsproxy.program := tlsproxy
tlsproxy.uses := util conf ipc net tls mail table queue service
