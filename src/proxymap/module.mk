proxymap.uses := util conf ipc mail net table service
proxymap.program := proxymap
