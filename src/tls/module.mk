tls.uses := util conf
tls.libs := @$(GEN)/tls/host.options -lcrypto
tls.plugin_libs := -lssl -lcrypto
