commands.uses := util conf ipc net tls mail table queue route service deliver
commands.programs += postaccess
commands.programs += postalias
commands.programs += postcat
commands.programs += postconf
commands.programs += postdrop
commands.programs += postfix
commands.programs += postkick
commands.programs += postlock
commands.programs += postlog
commands.programs += postmap
commands.programs += postmulti
commands.programs += postqueue
commands.programs += postsuper
commands.programs += sendmail

# "postfix check" knows what may stand in restriction lists.
$(GEN)/commands/restrictions.gen.h: src/smtpd/restrictions.cat tools/genrestrictions.awk
	@mkdir -p $(@D)
	$(Q)awk -f tools/genrestrictions.awk $< > $@
GENERATED += $(GEN)/commands/restrictions.gen.h
