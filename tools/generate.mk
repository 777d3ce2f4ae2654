# What is made from the catalogues. GENERATED is needed to compile; documents
# that are committed as well are made by `make documents`.

GENPARAMS := LC_ALL=C awk -f tools/genparams.awk

GENERATED += $(GEN)/conf/params.gen.h $(GEN)/conf/params_table.gen.h

$(GEN)/conf/params.gen.h: $(PARAMS) tools/genparams.awk
	@mkdir -p $(@D)
	$(Q)$(GENPARAMS) -v want=struct $(PARAMS) > $@

# Where things get installed is the default of these; the file changes only with it.
LOCATED := config_directory daemon_directory command_directory sendmail_path mailq_path \
           newaliases_path manpage_directory setgid_group
$(GEN)/conf/locations: FORCE
	@mkdir -p $(@D)
	@echo '$(foreach n,$(LOCATED),$n=$($n))' | cmp -s - $@ || \
	  echo '$(foreach n,$(LOCATED),$n=$($n))' > $@
.PHONY: FORCE

$(GEN)/conf/params_table.gen.h: $(PARAMS) tools/genparams.awk $(GEN)/conf/locations
	$(Q)$(GENPARAMS) -v want=table -v built="$$(cat $(GEN)/conf/locations)" $(PARAMS) > $@

# --- committed as well ----------------------------------------------------------
.PHONY: documents
documents: ## make again the sample files and manual pages that are committed
	@tools/documents
