route.uses := util conf ipc net mail table
