smtpd.program := smtpd
smtpd.uses := util conf ipc net dns tls sasl mail table queue milter service

$(GEN)/smtpd/restrictions.gen.h: src/smtpd/restrictions.cat tools/genrestrictions.awk
	@mkdir -p $(@D)
	$(Q)awk -f tools/genrestrictions.awk $< > $@
GENERATED += $(GEN)/smtpd/restrictions.gen.h
