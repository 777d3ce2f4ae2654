# What is made from the catalogues. GENERATED is needed to compile; documents
# that are committed as well are made by `make documents`.

GENPARAMS := LC_ALL=C awk -f tools/genparams.awk

GENERATED += $(GEN)/conf/params.gen.h $(GEN)/conf/params_table.gen.h

$(GEN)/conf/params.gen.h: $(PARAMS) tools/genparams.awk
	@mkdir -p $(@D)
	$(Q)$(GENPARAMS) -v want=struct $(PARAMS) > $@

$(GEN)/conf/params_table.gen.h: $(PARAMS) tools/genparams.awk
	@mkdir -p $(@D)
	$(Q)$(GENPARAMS) -v want=table $(PARAMS) > $@

# --- committed as well ----------------------------------------------------------
.PHONY: documents
documents: ## make again the sample files and manual pages that are committed
	@tools/documents
