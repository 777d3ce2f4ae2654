lmtp.program := lmtp
lmtp.uses := client
