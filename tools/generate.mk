# What is made from the catalogues. GENERATED is needed to compile; documents
# that are committed as well are made by `make documents`.

GENPARAMS := LC_ALL=C awk -f tools/genparams.awk

GENERATED += $(GEN)/conf/params.gen.h $(GEN)/conf/params_table.gen.h

$(GEN)/conf/params.gen.h: $(PARAMS) tools/genparams.awk
	@mkdir -p $(@D)
	$(Q)$(GENPARAMS) -v want=struct $(PARAMS) > $@

# Where things get installed is the default of these; the file changes only with it.
LOCATED := config_directory daemon_directory command_directory sendmail_path mailq_path \
           newaliases_path manpage_directory setgid_group shlib_directory meta_directory
$(GEN)/conf/locations: FORCE
	@mkdir -p $(@D)
	@echo '$(foreach n,$(LOCATED),$n=$($n))' | cmp -s - $@ || \
	  echo '$(foreach n,$(LOCATED),$n=$($n))' > $@
.PHONY: FORCE

$(GEN)/conf/params_table.gen.h: $(PARAMS) tools/genparams.awk $(GEN)/conf/locations
	$(Q)$(GENPARAMS) -v want=table -v built="$$(cat $(GEN)/conf/locations)" $(PARAMS) > $@

# Where table types are that are loaded on demand, for those who read no main.cf, and what
# a plug-in must have been compiled with.
GENERATED += $(GEN)/table/locations.gen.h $(GEN)/table/plugin_version.gen.h $(GEN)/table/host.options

$(GEN)/table/locations.gen.h: $(GEN)/conf/locations
	@mkdir -p $(@D)
	$(Q)printf '#define DEFAULT_%s "%s"\n' SHLIB_DIRECTORY $(shlib_directory) META_DIRECTORY $(meta_directory) > $@

$(GEN)/table/plugin_version.gen.h: $(wildcard src/util/*.h src/table/*.h)
	@mkdir -p $(@D)
	$(Q)cat $(sort $^) | cksum | sed 's/\([0-9]*\) .*/#define TABLE_PLUGIN_VERSION "\1"/' > $@

# Programs hold and export what plug-ins call; folders with one plug-in have the same.
SYMBOL_OPTIONS := sed '/^\#/d; s/.*/-Wl,-u,& -Wl,--export-dynamic-symbol=&/'
$(GEN)/table/host.options: src/table/plugins/host.symbols
	@mkdir -p $(@D)
	$(Q)$(SYMBOL_OPTIONS) $< > $@

$(GEN)/%/host.options: src/%/plugin/host.symbols
	@mkdir -p $(@D)
	$(Q)$(SYMBOL_OPTIONS) $< > $@

$(GEN)/%/plugin_version.gen.h: $$(wildcard src/util/*.h src/$$*/*.h)
	@mkdir -p $(@D)
	$(Q)cat $(sort $^) | cksum | sed 's/\([0-9]*\) .*/#define PLUGIN_VERSION "\1"/' > $@

# --- committed as well ----------------------------------------------------------
.PHONY: documents
documents: ## make again the sample files and manual pages that are committed
	@tools/documents
