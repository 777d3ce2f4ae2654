dns.uses := util net
dns.libs := -lldns
