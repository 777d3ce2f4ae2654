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
GENSERVICES := LC_ALL=C awk -f tools/genservices.awk

DOCUMENTS += conf/master.cf

conf/master.cf: src/master/services.cat tools/genservices.awk
	$(Q)$(GENSERVICES) -v want=sample src/master/services.cat > $@

.PHONY: documents
documents: $$(DOCUMENTS)  ## make again the sample files and manual pages that are committed
