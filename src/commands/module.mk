commands.uses := util conf ipc net mail table queue service
commands.programs := postalias postcat postconf postfix postlog postmap postsuper
