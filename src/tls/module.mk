tls.uses := util conf ipc
tls.libs := @$(GEN)/tls/host.options -lcrypto
tls.plugin_libs := -lssl -lcrypto
