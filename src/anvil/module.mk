anvil.program := anvil
anvil.uses := util conf ipc service
