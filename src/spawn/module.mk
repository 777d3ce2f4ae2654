spawn.program := spawn
spawn.uses := util conf ipc net service deliver mail table queue
