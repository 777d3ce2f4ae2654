dns.uses := util net
dns.test_libs := -lldns
