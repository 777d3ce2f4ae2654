tls.uses := util
tls.libs := -lcrypto
