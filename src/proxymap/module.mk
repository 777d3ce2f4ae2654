proxymap.program := proxymap
proxymap.uses := util conf ipc net mail table service
