commands.uses := util conf ipc net mail queue service
commands.programs := postcat postfix postsuper
