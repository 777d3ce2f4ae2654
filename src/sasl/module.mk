sasl.uses := util net
sasl.libs := @$(GEN)/sasl/host.options
sasl.plugin_libs := -lsasl2
