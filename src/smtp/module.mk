smtp.program := smtp
smtp.uses := client
