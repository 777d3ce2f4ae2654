qmgr.program := qmgr
qmgr.uses := util conf ipc net mail table queue service
qmgr.libs := -lm
