mail.uses := util
mail.libs := -lidn2 -lunistring
