local.program := local
local.uses := util conf ipc net mail table queue service deliver
