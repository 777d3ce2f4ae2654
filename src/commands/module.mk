commands.uses := util conf ipc net mail table queue service
commands.programs := postalias postcat postfix postmap postsuper
