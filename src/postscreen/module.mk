postscreen.program := postscreen
postscreen.uses := util conf ipc net dns mail table queue service
