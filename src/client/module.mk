client.uses := util net dns mail
