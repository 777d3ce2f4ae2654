# Postern: one Makefile for the whole tree, no recursion. Each folder of src/
# says in its module.mk what it uses and which programs it makes:
#
#   mail.uses := util                     libraries of ours, transitive
#   mail.libs := -lidn2                   outside libraries
#   dns.test_libs := -lldns               those of its unit tests
#   smtpd.program := smtpd                one program from all *.c of the folder
#   commands.programs := postmap postcat  one program from each NAME.c of the
#                                         folder, or from the folder NAME/*.c
#
# Objects live under build/<variant>/; `make help` lists the targets. What
# takes more than a line of shell is a script in tools/.

.DEFAULT_GOAL := all
.SECONDEXPANSION:
.SECONDARY:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# As many jobs as processors, unless the command line says -j itself.
MAKEFLAGS += $(if $(filter 0,$(MAKELEVEL)),-j$(shell nproc))

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
# Variants: SAN=address,undefined  COV=1  CC=clang  WERROR=1   V=1 shows commands
VARIANT := $(if $(FUZZ),fuzz-)$(if $(filter-out gcc,$(CC)),$(notdir $(CC))-)$(if $(SAN),san-)$(if $(COV),cov-)base
BUILD   := build/$(VARIANT:-base=)
Q       := $(if $(V),,@)
GEN     := build/gen

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wwrite-strings -Wundef -fno-common $(if $(WERROR),-Werror)
HARDEN  := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
OPT     := $(if $(SAN)$(COV),-O1,-O2) -g
SANITIZE := $(if $(FUZZ),-fsanitize=fuzzer-no-link) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
COVER   := $(if $(COV),--coverage)
override CFLAGS += -std=gnu17 $(OPT) $(WARN) $(HARDEN) $(SANITIZE) $(COVER)
override CPPFLAGS += -D_GNU_SOURCE -Isrc -I$(GEN)
override LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(COVER)

# --- what the folders say --------------------------------------------------
GENERATED :=
MODULES := $(patsubst src/%/module.mk,%,$(wildcard src/*/module.mk))
include $(wildcard src/*/module.mk)

# closure(folder): the folder and all that it uses, each once
closure  = $(sort $1 $(foreach m,$($1.uses),$(call closure,$m)))
sources  = $(wildcard src/$1/*.c)
objects  = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(call sources,$1))
archives = $(foreach m,$1,$(if $(call objects,$m),$(BUILD)/lib/$m.a))
outside  = $(sort $(foreach m,$1,$($m.libs)))
# Files with options for the linker, among them.
options  = $(patsubst @%,%,$(filter @%,$(call outside,$(call closure,$1))))
# A program's folder is no library for its own link: its objects go in whole.
lower    = $(filter-out $1,$(call closure,$1))

PROGRAMS :=
SANITIZER := $(if $(SAN),$(BUILD)/sanitizer.o)

# program(folder,name,objects,more archives): the link rule of one program
define program
PROGRAMS += $(BUILD)/bin/$2
$(BUILD)/bin/$2: $3 $4 $(call archives,$(call lower,$1)) $(SANITIZER) $(call options,$1)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $3 $(SANITIZER) -Wl,--start-group $4 $(call archives,$(call lower,$1)) \
	  -Wl,--end-group $(call outside,$(call closure,$1)) $($1.libs)
endef

# In a folder with several programs, NAME.c or NAME/*.c makes program NAME;
# what belongs to none of them (COMMON) is there for each to link what it needs.
own      = $(if $(wildcard src/$1/$2/*.c),$(wildcard src/$1/$2/*.c),src/$1/$2.c)
common   = $(filter-out $(foreach p,$($1.programs),src/$1/$p.c),$(call sources,$1))
to_obj   = $(patsubst src/%.c,$(BUILD)/obj/%.o,$1)

$(foreach m,$(MODULES),$(if $($m.program),$(eval $(call program,$m,$($m.program),$(call objects,$m)))))
$(foreach m,$(MODULES),$(foreach p,$($m.programs),$(eval $(call program,$m,$p,$(call to_obj,$(call own,$m,$p)),$(BUILD)/common/$m.a))))

$(BUILD)/common/%.a: $$(call to_obj,$$(call common,$$*))
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

# --- table types that are loaded on demand --------------------------------------
# src/table/plugins/NAME.c or NAME/*.c makes postfix-NAME.so, where `available` finds
# the headers of the library that it needs; table.plugin.NAME.with: files it shares.
PLUGIN_NAMES := $(shell $(CC) -E -P -x c src/table/plugins/available)
PLUGINS      := $(patsubst %,$(BUILD)/plugins/postfix-%.so,$(PLUGIN_NAMES))
plugin_objects = $(patsubst src/table/%.c,$(BUILD)/%.o,$(wildcard src/table/plugins/$1.c src/table/plugins/$1/*.c) $(patsubst %,src/table/plugins/%,$(table.plugin.$1.with)))

$(BUILD)/plugins/postfix-%.so: $$(call plugin_objects,$$*)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(filter-out -pie,$(LDFLAGS)) -o $@ $^ $(table.plugin.$*.libs)

PLUGIN_COMPILE = $(CC) $(CPPFLAGS) $(filter-out -fPIE,$(CFLAGS)) -fPIC -fvisibility=hidden -MMD -MP -c

$(BUILD)/plugins/%.o: src/table/plugins/%.c | generated
	@mkdir -p $(@D)
	$(Q)$(PLUGIN_COMPILE) -o $@ $<

# The part of another folder that needs its outside library: src/FOLDER/plugin/*.c makes
# postfix-FOLDER.so, with FOLDER.plugin_libs; FOLDER/plugin/host.symbols is what it calls.
define folder_plugin
PLUGINS += $(BUILD)/plugins/postfix-$1.so
$(BUILD)/plugins/postfix-$1.so: $(patsubst src/$1/plugin/%.c,$(BUILD)/plugins/$1/%.o,$(wildcard src/$1/plugin/*.c))
	@mkdir -p $$(@D)
	$(Q)$(CC) -shared $(filter-out -pie,$(LDFLAGS)) -o $$@ $$^ $($1.plugin_libs)
$(BUILD)/plugins/$1/%.o: src/$1/plugin/%.c | generated
	@mkdir -p $$(@D)
	$(Q)$(PLUGIN_COMPILE) -o $$@ $$<
GENERATED += $(GEN)/$1/plugin_version.gen.h $(GEN)/$1/host.options
endef
$(foreach m,$(MODULES),$(if $(wildcard src/$m/plugin/*.c),$(eval $(call folder_plugin,$m))))

all: $(PROGRAMS) $(PLUGINS) ## build every program
	@:

$(BUILD)/lib/%.a: $$(call objects,$$*)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/sanitizer.o: tests/harness/sanitizer.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: src/%.c | generated
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# --- generated from the catalogues ------------------------------------------
PARAMS := $(sort $(wildcard src/conf/params/*.params))
-include tools/generate.mk
.PHONY: generated
generated: $(GENERATED)

# --- tests -------------------------------------------------------------------
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SOURCES))

define unit_test
$(BUILD)/unit/$1/test_%: tests/unit/$1/test_%.c tests/unit/unit.h $(call archives,$(call closure,$1)) $(call options,$1) | generated
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CPPFLAGS) -DPLUGINS='"$(CURDIR)/$(BUILD)/plugins"' -Itests/unit $(CFLAGS) $(LDFLAGS) -o $$@ $$< -Wl,--start-group \
	  $(call archives,$(call closure,$1)) -Wl,--end-group $(call outside,$(call closure,$1)) $($1.test_libs) -lcmocka
endef
$(foreach m,$(MODULES),$(eval $(call unit_test,$m)))

# A fuzz target is tests/fuzz/<folder>/fuzz_<name>.c, with its corpus in
# tests/fuzz/corpus/<name>/. Linked with replay.c it runs that corpus; linked by
# clang with libFuzzer (FUZZ=1) it looks for more.
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*/fuzz_*.c))
FUZZ_MAIN    := $(if $(FUZZ),-fsanitize=fuzzer,tests/fuzz/replay.c)

define fuzz_target
$(BUILD)/fuzz/$1/fuzz_%: tests/fuzz/$1/fuzz_%.c tests/fuzz/fuzz.h tests/fuzz/input.c tests/fuzz/replay.c $(call archives,$(call closure,$1)) $(call options,$1) | generated
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CPPFLAGS) -DPLUGINS='"$(CURDIR)/$(BUILD)/plugins"' -Itests/fuzz $(CFLAGS) $(LDFLAGS) -o $$@ $$< tests/fuzz/input.c $(FUZZ_MAIN) -Wl,--start-group \
	  $(call archives,$(call closure,$1)) -Wl,--end-group $(call outside,$(call closure,$1))
endef
$(foreach m,$(MODULES),$(eval $(call fuzz_target,$m)))

fuzz-replay: $(FUZZ_TARGETS) $(PLUGINS) ## run every fuzz target over its committed corpus
	@tools/fuzz replay $(FUZZ_TARGETS)

fuzz: ## look for inputs that break a parser: make fuzz SECONDS=600 ONLY=mime
	@$(MAKE) CC=clang SAN=address,undefined FUZZ=1 fuzz-run

fuzz-run: $(if $(ONLY),$(filter %/fuzz_$(ONLY),$(FUZZ_TARGETS)),$(FUZZ_TARGETS)) $(PLUGINS)
	@tools/fuzz run $(or $(SECONDS),60) $(filter-out %.so,$^)

# DEPS=true: what build and tests need is there, ask nobody
DEPS   ?= tools/deps
# Each file of tests/system and tests/compat is run by one of some workers, which
# wait more than they compute; of tests/faults, where some tests last minutes, each
# test. WORKERS=0: one after another, for -s and --pdb. AGAIN=yes: see tools/run-pytest.
WORKERS ?= 3
SPREAD := -n $(WORKERS) --dist loadfile
SPREAD_TESTS := -n $(WORKERS) --dist load
PYTEST := POSTERN_ROOT=$(CURDIR)/$(BUILD)/root $(if $(AGAIN),AGAIN=yes )tools/run-pytest
# Programs under a sanitizer write where tests/harness looks; unit tests look for leaks.
# What is freed is kept for a while, but not so much that growth can't be seen.
ifneq ($(SAN),)
PYTEST := ASAN_OPTIONS=log_path=/tmp/sanitizer:abort_on_error=1:detect_leaks=0:quarantine_size_mb=8 \
          UBSAN_OPTIONS=log_path=/tmp/sanitizer:abort_on_error=1:print_stacktrace=1 $(PYTEST)
endif

check: ## install what is missing, build, and run the unit, dialogue and quick system tests
	@$(DEPS) --build --test
	@+tools/sum "$(MAKE) unit" "$(MAKE) fuzz-replay" "$(MAKE) dialogues" "$(MAKE) system"

check-all: ## check, and the slow system tests, the oracle, the linters and the sanitizers
	@$(DEPS)
	@+tools/sum "$(MAKE) unit" "$(MAKE) dialogues" "$(MAKE) system-all" "$(MAKE) compat" \
	  "$(MAKE) lint" "$(MAKE) SAN=address,undefined unit dialogues system"

unit: $(UNIT_TESTS) $(PLUGINS) ## build and run the unit tests
	@tools/run-unit $(UNIT_TESTS)

unit-%: $$(foreach t,$$(UNIT_TESTS),$$(if $$(findstring /unit/$$*/,$$t),$$t)) $(PLUGINS) ## run the unit tests of one folder: make unit-mail
	@tools/run-unit $(filter-out %.so,$^)

dialogues: system-root ## run the scripted SMTP talks of tests/dialogues
	@$(PYTEST) tests/dialogues $(T)

system: system-root ## run the quick system tests; one alone: make system T='-k mbox'
	@$(PYTEST) $(SPREAD) tests/system -m 'not slow' $(T)

system-all: system-root ## run all system tests
	@$(PYTEST) $(SPREAD) tests/system $(T)

compat: system-root ## compare with Debian's Postfix, unpacked under build/
	@$(PYTEST) $(SPREAD) tests/compat $(T)

faults: system-root $(BUILD)/unit/queue/test_names ## power cuts, full disks, kills at every step; one alone: make faults T='-k t34' SEED=1
	@$(PYTEST) $(SPREAD_TESTS) tests/faults $(if $(SEED),--seed=$(SEED)) $(if $(SAMPLE),--sample) $(T)

FAULTS_SAMPLE := t01 or t02 or t03 or t04_a_failed or t18 or t34 or t41 or t58

faults-sample: system-root $(BUILD)/unit/queue/test_names ## the part of them that CI runs
	@$(PYTEST) $(SPREAD_TESTS) tests/faults --sample --seed=$(or $(SEED),$(shell git rev-parse --short HEAD)) -k '$(FAULTS_SAMPLE)'

mutants: system-root ## take a sync, a lock, a check out: the test that must fail does; one alone: make mutants T=no-sync
	@/usr/bin/python3 tests/faults/mutate.py $(T)

bench: system-root ## what a message costs, ours against Debian's Postfix: make bench T=--quick
	@/usr/bin/python3 tests/bench/count.py $(CURDIR)/$(BUILD)/root $(T)

demo: ## start a private instance, send two messages, show them
	@$(DEPS) --build --demo && $(MAKE) --no-print-directory all && tools/demo start $(BUILD)/bin

coverage: ## line coverage of the unit tests: build/coverage/index.html
	@+$(MAKE) COV=1 unit && tools/coverage build/cov

# --- checks --------------------------------------------------------------------
LINT := format layers outside-headers headers sizes params generated shell manuals cppcheck tidy

lint: generated compile_commands.json ## every check of the source; TIDY=all: clang-tidy looks at unchanged files too
	@tools/lint $(LINT)

format: ## format every C file
	@clang-format-14 -i $$(git ls-files -co --exclude-standard 'src/*.[ch]' 'tests/*.[ch]')

format-file: ## format one file: make format-file F=src/x/y.c
	@clang-format-14 -i $(F)

ALL_C := $(wildcard src/*/*.c src/*/*/*.c src/*/*/*/*.c)
compile_commands.json: $(ALL_C) Makefile ## what clangd and clang-tidy read
	@tools/compile-commands "$(CC) $(CPPFLAGS) $(filter-out -Werror,$(CFLAGS))" $(ALL_C) >$@

tags: $(ALL_C) ## an index for editors
	@ctags -R -f $@ src

hooks: ## check the quick things before each commit
	git config core.hooksPath tools/hooks

# --- installation --------------------------------------------------------------
# As for any package: make install DESTDIR=/tmp/x daemon_directory=/usr/libexec/postfix
prefix            ?= /usr
sysconfdir        ?= /etc
config_directory  ?= $(sysconfdir)/postfix
daemon_directory  ?= $(prefix)/lib/postfix/sbin
command_directory ?= $(prefix)/sbin
sendmail_path     ?= $(prefix)/sbin/sendmail
mailq_path        ?= $(prefix)/bin/mailq
newaliases_path   ?= $(prefix)/bin/newaliases
manpage_directory ?= $(prefix)/share/man
unit_directory    ?= $(prefix)/lib/systemd/system
setgid_group      ?= postdrop
shlib_directory   ?= $(prefix)/lib/postfix
meta_directory    ?= $(config_directory)
export prefix sysconfdir config_directory daemon_directory command_directory sendmail_path \
       mailq_path newaliases_path manpage_directory unit_directory setgid_group shlib_directory meta_directory

COMMANDS := $(addprefix $(BUILD)/bin/,$(commands.programs))

install: all ## install below DESTDIR; never overwrites configuration files
	@tools/install "$(DESTDIR)" "$(COMMANDS)" "$(filter-out $(COMMANDS),$(PROGRAMS))" "$(PLUGINS)"

system-root: all # what tests lay over a private /usr
	@setgid_group=9102 tools/install $(BUILD)/root "$(COMMANDS)" "$(filter-out $(COMMANDS),$(PROGRAMS))" "$(PLUGINS)"

help: ## this list
	@sed -n 's/^\([a-z_.%-]*\):.*## \(.*\)/  make \1|\2/p' Makefile tools/generate.mk | column -t -s '|' | sort

clean: ## remove what the build made
	rm -rf build compile_commands.json tags

.PHONY: fuzz fuzz-run fuzz-replay all check check-all unit dialogues system system-all compat faults faults-sample mutants bench demo coverage lint format \
        format-file hooks install system-root help clean

-include $(shell find $(BUILD)/obj $(BUILD)/plugins -name '*.d' 2>/dev/null)
