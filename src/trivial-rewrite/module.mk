trivial-rewrite.program := trivial-rewrite
trivial-rewrite.uses := util conf ipc net mail table route service
