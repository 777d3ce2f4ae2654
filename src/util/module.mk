util.uses :=
