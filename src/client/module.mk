client.uses := util conf net dns mail
