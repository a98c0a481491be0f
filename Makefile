# ferry - build, test and install. `make help` lists the targets.
#
# The caller's: CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR, BUILD. Everything made goes under BUILD.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g

SBINDIR = $(DESTDIR)$(PREFIX)/sbin
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wvla -Wformat=2
# Sizes of files and times have 64 bits everywhere.
WIDE = -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
# The code does not compile without these. The caller's CFLAGS come after them.
FERRY_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WIDE) -Iinclude -include include/common/banned.h $(WARNINGS)

# What makes a bug harder to exploit. Each flag is used if the compiler accepts it, beside the
# caller's flags, without a warning: _FORTIFY_SOURCE needs optimisation, and of the last two each
# processor has but one. The compiler is asked when something is compiled, once in a run of make.
HARDENING = -fPIE -fstack-protector-strong -fstack-clash-protection \
            -fcf-protection -mbranch-protection=standard
FORTIFY   = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE
taken     = $(shell $(CC) -Werror $(1) $(CFLAGS) $(CPPFLAGS) -include string.h \
              -fsyntax-only -x c /dev/null 2>/dev/null && echo '$(1)')
HARDENED  = $(eval HARDENED := $(foreach flag,$(HARDENING),$(call taken,$(flag))) \
              $(or $(call taken,$(FORTIFY)=3),$(call taken,$(FORTIFY)=2)))$(HARDENED)
# Relocations are read-only and all bound at the start, so a forked worker has none left to bind.
LINK_HARDENED = -pie -Wl,-z,relro,-z,now,-z,noexecstack
# A child's first touch of each 64 KiB of the program costs a page fault (the kernel maps that much
# at once). If each part begins at such a border, a child touches the fewest of these stretches.
LINK_ALIGNED = -Wl,-z,max-page-size=65536

# The caller's flags come last, so they win.
FLAGS   = $(FERRY_CFLAGS) $(HARDENED) $(CFLAGS) $(CPPFLAGS) -MMD -MP
COMPILE = $(CC) $(FLAGS)
LINK    = $(CC) $(LINK_HARDENED) $(LINK_ALIGNED) $(CFLAGS) $(LDFLAGS) $(LINK_THREADS)

COMMON  = memory proto io pace transfer staged text path peer admission cmdline sink log
SERVER  = server_main options identity confine inetd
MANAGER = acceptor sources turns pending running manager
RECORD  = record ledger board claims_reader
SESSION = lab storage sandbox claims
HTTP    = http head target gate validators calendar types chunks answer read write body listing entries accept markup stream page
CLIENT  = client_main client_options link commands progress say
TOP     = top_main snapshot screen

COMMON_OBJ = $(COMMON:%=$(BUILD)/common/%.o)
SERVER_OBJ = $(SERVER:%=$(BUILD)/server/%.o) $(MANAGER:%=$(BUILD)/manager/%.o) \
             $(RECORD:%=$(BUILD)/record/%.o) $(SESSION:%=$(BUILD)/session/%.o) $(COMMON_OBJ)
# Linked behind all others: so a client of the lab's protocol touches no page on their account.
HTTP_OBJ   = $(HTTP:%=$(BUILD)/session/http/%.o)
WORKER_OBJ = $(BUILD)/manager/worker_fork.o $(BUILD)/manager/worker_thread.o
CLIENT_OBJ = $(CLIENT:%=$(BUILD)/client/%.o) $(COMMON_OBJ)
TOP_OBJ    = $(TOP:%=$(BUILD)/top/%.o) $(BUILD)/record/claims_reader.o $(COMMON_OBJ)
PROGRAMS   = $(BUILD)/ferryd $(BUILD)/ferryd-threads $(BUILD)/ferry $(BUILD)/ferrytop
PROBES     = $(patsubst test/probes/%.c,$(BUILD)/test/%,$(wildcard test/probes/*.c))
# The servers with a service that has been taken over in place of the lab's.
HOSTILE     = $(if $(wildcard test/hostile),$(BUILD)/test/ferryd-hostile \
              $(BUILD)/test/ferryd-threads-hostile)
HOSTILE_OBJ = $(patsubst test/%.c,$(BUILD)/%.o,$(wildcard test/hostile/*.c)) \
              $(filter-out $(BUILD)/session/lab.o,$(SERVER_OBJ))
# The servers with a service that leaks, around the lab's.
LEAKY       = $(if $(wildcard test/leaky),$(BUILD)/test/ferryd-leaky \
              $(BUILD)/test/ferryd-threads-leaky)
LEAKY_OBJ   = $(BUILD)/leaky/leaky.o $(BUILD)/leaky/lab.o \
              $(filter-out $(BUILD)/session/lab.o,$(SERVER_OBJ))
# The server on a machine with larger pages.
PAGES       = $(if $(wildcard test/pages),$(BUILD)/test/ferryd-pages)

# The servers with two doors, behind a proxy.
DOORS       = $(if $(wildcard test/doors),$(BUILD)/test/ferryd-doors \
              $(BUILD)/test/ferryd-threads-doors)

# The four servers that a learner reads before ours.
LADDER      = $(patsubst docs/ladder/%.c,$(BUILD)/ladder/%,$(wildcard docs/ladder/*.c))

# The load generator of `make bench`, and the bare servers for comparison: linked as usual,
# statically (where libc.a is installed), and statically with musl (where musl-gcc is installed).
LOAD        = $(BUILD)/bench/load
BARE        = $(BUILD)/bench/bare_fork $(BUILD)/bench/bare_thread
BARE_STATIC = $(if $(wildcard $(shell $(CC) -print-file-name=libc.a 2>/dev/null)),$(BARE:=-static))
BARE_MUSL   = $(if $(shell command -v musl-gcc 2>/dev/null),$(BARE:=-musl))

.DELETE_ON_ERROR:
.PHONY: all probes ladder bench-programs

all: $(PROGRAMS)

# The two servers differ in one object.
$(BUILD)/ferryd: $(SERVER_OBJ) $(BUILD)/manager/worker_fork.o $(HTTP_OBJ)
$(BUILD)/ferryd-threads: $(SERVER_OBJ) $(BUILD)/manager/worker_thread.o $(HTTP_OBJ)
$(BUILD)/ferryd-threads: LINK_THREADS = -pthread
$(BUILD)/ferry: $(CLIENT_OBJ)
$(BUILD)/ferrytop: $(TOP_OBJ)

$(PROGRAMS):
	$(LINK) -o $@ $^ $(LDLIBS)

$(BUILD)/session/http/page.o: src/session/http/page.html
$(BUILD)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

probes: $(PROBES) $(HOSTILE) $(LEAKY) $(PAGES) $(DOORS) $(LADDER) $(if $(wildcard test/bench),$(LOAD) $(BARE))

# The clients run thousands of times, so they have no sanitizer: it makes the start ten times
# slower.
$(BUILD)/test/%: test/probes/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(LINK_HARDENED) $(filter-out $(PLAIN),$(FLAGS) $(LDFLAGS)) $(LINK_THREADS) -o $@ $(filter %.c %.o,$^)
$(BUILD)/test/%: PLAIN = -fsanitize=% -fno-sanitize%
$(BUILD)/test/late_stop $(BUILD)/test/queue_model $(BUILD)/test/http_bytes $(BUILD)/test/http_versions: PLAIN =
$(BUILD)/test/stopwatch $(BUILD)/test/late_stop: LINK_THREADS = -pthread
$(BUILD)/test/late_stop: $(BUILD)/manager/worker_thread.o $(BUILD)/session/claims.o $(BUILD)/common/io.o
$(BUILD)/test/queue_model: $(addprefix $(BUILD)/,manager/pending.o manager/sources.o manager/turns.o \
    common/peer.o common/memory.o common/io.o)
$(BUILD)/test/http_bytes: $(addprefix $(BUILD)/session/http/,head.o target.o gate.o chunks.o validators.o calendar.o)
$(BUILD)/test/http_versions: $(addprefix $(BUILD)/session/http/,validators.o calendar.o head.o)

$(BUILD)/test/ferryd-hostile: $(HOSTILE_OBJ) $(BUILD)/manager/worker_fork.o $(HTTP_OBJ)
$(BUILD)/test/ferryd-threads-hostile: $(HOSTILE_OBJ) $(BUILD)/manager/worker_thread.o $(HTTP_OBJ)
$(BUILD)/test/ferryd-threads-hostile: LINK_THREADS = -pthread

$(BUILD)/test/ferryd-leaky: $(LEAKY_OBJ) $(BUILD)/manager/worker_fork.o $(HTTP_OBJ)
$(BUILD)/test/ferryd-threads-leaky: $(LEAKY_OBJ) $(BUILD)/manager/worker_thread.o $(HTTP_OBJ)
$(BUILD)/test/ferryd-threads-leaky: LINK_THREADS = -pthread

$(BUILD)/test/ferryd-pages: $(BUILD)/pages/pages.o $(SERVER_OBJ) $(BUILD)/manager/worker_fork.o $(HTTP_OBJ)
$(BUILD)/test/ferryd-pages: LINK_THREADS = -Wl,--wrap=sysconf,--wrap=mmap,--wrap=mmap64,--wrap=munmap

$(BUILD)/test/ferryd-doors: $(BUILD)/doors/doors.o $(SERVER_OBJ) $(BUILD)/manager/worker_fork.o $(HTTP_OBJ)
$(BUILD)/test/ferryd-threads-doors: $(BUILD)/doors/doors.o $(SERVER_OBJ) $(BUILD)/manager/worker_thread.o $(HTTP_OBJ)
$(DOORS): WRAPS = -Wl,--wrap=acceptor_open,--wrap=acceptor_take,--wrap=log_open
$(BUILD)/test/ferryd-doors: LINK_THREADS = $(WRAPS)
$(BUILD)/test/ferryd-threads-doors: LINK_THREADS = $(WRAPS) -pthread

ladder: $(LADDER)

$(LADDER): $(BUILD)/ladder/%: docs/ladder/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(FERRY_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) -o $@ $<

bench-programs: all $(LOAD) $(BARE) $(BARE_STATIC) $(BARE_MUSL)
	@$(if $(BARE_STATIC),$(MAKE) --no-print-directory -s static 2>/dev/null || true)

# Not hardened: this is the least code that can do it.
BENCH_CFLAGS = $(FERRY_CFLAGS) $(filter-out -fsanitize=% -fno-sanitize% --coverage,$(CFLAGS) $(CPPFLAGS)) -pthread
BARE_FILES   = test/bench/bare.c test/bench/promises.c test/bench/bare.h test/bench/promises.h Makefile
$(LOAD): test/bench/load.c Makefile
$(BARE): $(BUILD)/bench/%: test/bench/%.c $(BARE_FILES)
$(BARE:=-static): $(BUILD)/bench/%-static: test/bench/%.c $(BARE_FILES)
$(BARE:=-musl): $(BUILD)/bench/%-musl: test/bench/%.c $(BARE_FILES)
$(BARE:=-static) $(BARE:=-musl): STATIC = -static
$(BARE:=-musl): CC = $(MUSL_CC)
$(LOAD) $(BARE) $(BARE:=-static) $(BARE:=-musl):
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(STATIC) -o $@ $(filter-out $(WITHOUT),$(filter %.c,$^))
$(filter %bare_thread %bare_thread-static %bare_thread-musl,$(BARE) $(BARE:=-static) $(BARE:=-musl)): \
    WITHOUT = test/bench/promises.c

$(HOSTILE) $(LEAKY) $(PAGES) $(DOORS):
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

# No sanitizer, because pages.c replaces functions that its runtime calls.
$(BUILD)/pages/%.o: FLAGS = $(FERRY_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MMD -MP
$(BUILD)/%.o: test/%.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/leaky/lab.o: src/session/lab.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -Dlab_service=real_lab_service -c -o $@ $<

-include $(BUILD)/pages/pages.d $(BUILD)/doors/doors.d $(HOSTILE_OBJ:.o=.d) $(LEAKY_OBJ:.o=.d) $(SERVER_OBJ:.o=.d) $(HTTP_OBJ:.o=.d) $(CLIENT_OBJ:.o=.d) $(TOP_OBJ:.o=.d) \
         $(WORKER_OBJ:.o=.d) $(PROBES:=.d)

# The programs without a shared library, which makes small transfers faster (docs/performance.md).
# The linker warns: to look up users and hosts that are not in files or DNS, libc loads libraries,
# which must have its own version.
.PHONY: static
static:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/static LDFLAGS="-static-pie $(LDFLAGS)" all

# ---- running ----

PORT ?= 9000
MAX  ?= 5
ROOT ?= .

.PHONY: run demo bench bench-quick bench-doc compare compare-doc variants variants-doc

run: all
	$(BUILD)/ferryd -v --root "$(ROOT)" $(PORT) $(MAX)

demo:
	scripts/demo

bench bench-quick: all probes bench-programs
	BIN="$(abspath $(BUILD))" scripts/bench $(if $(filter bench-quick,$@),--quick)

# Puts the last benchmark's tables into their page, and keeps the data beside it.
bench-doc:
	cp $(BUILD)/bench/report.json docs/performance.json
	scripts/bench-report --into docs/performance.md docs/performance.json

compare: all probes
	BIN="$(abspath $(BUILD))" scripts/compare

# Puts the last comparison's tables into the page about it, between its marks, and keeps its charts
# and what all of it was made of beside the page.
compare-doc:
	scripts/compare-report --into docs/fork-vs-threads.md $(BUILD)/compare/report.md
	cp $(BUILD)/compare/data docs/fork-vs-threads.txt
	scripts/compare-charts docs/fork-vs-threads.txt docs/pictures

variants: all probes
	BUILD="$(abspath $(BUILD))" scripts/variants

# The same for the table of what each measure for speed is worth.
variants-doc:
	cp $(BUILD)/variants/report.json docs/performance-variants.json
	scripts/variants --into docs/performance.md docs/performance-variants.json

# ---- testing ----
#
# Every test/*.bats runs once for each server, except those whose second line says that they are
# about processes ("# Runs on: ferryd") or not about a server ("# Runs on: once").

SERVERS ?= ferryd ferryd-threads
# With which of them the tests run that are not about a server.
ONCE_BESIDE ?= $(firstword $(SERVERS))
RESULTS  = $(BUILD)/results
# Tests of the scripts, the documents and the tests themselves: `make test-house`.
HOUSE_TESTS   = bench borders check_answers commands compare debugging documents ensure figures hardening http_doc lab_guide ladder lib links manpages negative_controls pictures portability readme timeline variants
PROGRAM_TESTS = $(filter-out $(HOUSE_TESTS),$(patsubst test/%.bats,%,$(sort $(wildcard test/*.bats))))
TESTS    = $(PROGRAM_TESTS)
# Tests that need a browser, or other large programs in front of the server. One build is enough for
# them.
HEAVY_TESTS = http_page http_proxies
# The slowest start first, so that none of them is left running alone at the end.
SLOW     = negative_controls lab_guide http_page slow_readers compare http_bad corpus hostile_clients sizes sandbox limits fallback
IN_ORDER = $(filter $(TESTS),$(SLOW)) $(filter-out $(SLOW),$(TESTS))
tagged   = $(patsubst test/%.bats,%,$(shell grep -slx '. Runs on: $(1)' test/*.bats))
PROCESS_TESTS := $(call tagged,ferryd)
CLIENT_TESTS  := $(call tagged,once)
# Which of TESTS each server runs.
FORK_TESTS = $(TESTS)
TWIN_TESTS = $(TESTS)
tests_for = $(filter-out $(if $(filter $(ONCE_BESIDE),$(1)),,$(CLIENT_TESTS)),$(filter \
              $(if $(filter ferryd-threads,$(1)),$(filter-out $(PROCESS_TESTS),$(TWIN_TESTS)),$(FORK_TESTS)),\
              $(IN_ORDER)))
TAPS = $(foreach test,$(IN_ORDER),$(foreach server,$(SERVERS),$(patsubst %,$(RESULTS)/$(server)/%.tap,\
         $(filter $(test),$(call tests_for,$(server))))))
# A file that hangs is a failure, not a wait.
TEST_SECONDS ?= 1200

ifneq ($(filter test test-house test-heavy test-run sanitize asan tsan coverage,$(MAKECMDGOALS)),)
ifeq ($(shell command -v bats 2>/dev/null),)
$(error bats is not installed: scripts/test installs it, or says how)
endif
endif

.PHONY: test test-house test-heavy test-run clean-results $(TAPS)

test: test-run
	@test/summary $(RESULTS)

test-house:
	@$(MAKE) --no-print-directory TESTS="$(HOUSE_TESTS)" RESULTS=$(BUILD)/house test

test-heavy:
	@$(MAKE) --no-print-directory TESTS="$(HEAVY_TESTS)" RESULTS=$(BUILD)/http test

# Runs everything and judges nothing: test/summary does.
test-run: clean-results
	@echo "running $(words $(TAPS)) test files: $(BUILD)"
	@$(MAKE) --no-print-directory $(TAPS)
	@test/run-file

$(TAPS): $(RESULTS)/%.tap: all probes
	@mkdir -p $(@D)
	@BIN="$(abspath $(BUILD))" SANITIZED="$(SANITIZED)" TEST_SECONDS=$(TEST_SECONDS) \
	    FILES=$(words $(TAPS)) test/run-file $(*D) $(*F) $@

clean-results: all probes
	@rm -rf $(RESULTS)

# ---- checking ----

ASAN_FLAGS = -O1 -g -U_FORTIFY_SOURCE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
TSAN_FLAGS = -O1 -g -U_FORTIFY_SOURCE -fno-omit-frame-pointer -fsanitize=thread
# lib tests the helpers on a sanitizer's server, too.
SANITIZER_TESTS = $(filter-out $(HEAVY_TESTS),$(PROGRAM_TESTS)) lib
# Tests with several clients at once, where the thread sanitizer can find something.
CONCURRENT_TESTS = admission cap ferrytop hostile_clients http_doors ledger lib lies limits load output put_atomic \
    queue_full queue_order shutdown slow_readers starved tick_only timeouts waits

.PHONY: sanitize asan tsan musl coverage lint format links

sanitize: asan tsan
	@test/summary $(BUILD)/asan/results $(BUILD)/tsan/results

# Each test once: with threads, because there leaks are reported, and those about processes with
# ferryd.
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS="$(ASAN_FLAGS)" \
	    LDFLAGS="-fsanitize=address,undefined" SANITIZED=address TESTS="$(SANITIZER_TESTS)" \
	    FORK_TESTS="$(PROCESS_TESTS)" ONCE_BESIDE=ferryd-threads test-run

# The thread sanitizer looks at threads, and the client has none.
tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CFLAGS="$(TSAN_FLAGS)" \
	    LDFLAGS="-fsanitize=thread" SANITIZED=thread SERVERS=ferryd-threads \
	    ONCE_BESIDE= TESTS="$(CONCURRENT_TESTS)" test-run

# With musl, linked statically: ferryd runs all tests, its twin a few. musl-gcc does not find the
# kernel's headers by itself.
MUSL_CC = musl-gcc -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu
musl:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/musl CC="$(MUSL_CC)" LDFLAGS=-static LIBC=musl \
	    TESTS="$(filter-out $(HEAVY_TESTS),$(PROGRAM_TESTS))" TWIN_TESTS="cap del get load put" test-run

# A worker process ends by _exit(2) and writes no coverage data; the twin runs the same objects.
coverage:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage CFLAGS="-O0 -g --coverage" \
	    LDFLAGS="--coverage" SERVERS=ferryd-threads test-run
	gcovr --root . --filter src/ --print-summary $(BUILD)/coverage

C_FILES     = $(sort $(wildcard src/*/*.c src/*/*/*.c test/probes/*.c test/hostile/*.c test/leaky/*.c test/pages/*.c \
              test/doors/*.c test/bench/*.c docs/ladder/*.c))
H_FILES     = $(sort $(wildcard include/*/*.h include/*/*/*.h test/hostile/*.h test/bench/*.h))
SHELL_FILES = $(sort $(filter-out %.awk,$(wildcard scripts/*)) $(wildcard test/*.bash test/*.bats)) test/run-file test/summary test/figure-check .ci/run

lint:
	clang-format --dry-run -Werror $(C_FILES) $(H_FILES)
	@# One file each, as many at once as there are processors; xargs(1) fails when one of them does.
	printf '%s\n' $(C_FILES) | xargs -P "$$(nproc)" -I @ \
	    clang-tidy --quiet --warnings-as-errors='*' @ -- $(FERRY_CFLAGS)
	cppcheck --quiet --std=c11 --enable=warning,style,performance,portability --inline-suppr \
	    --suppressions-list=.cppcheck --error-exitcode=1 -D_GNU_SOURCE -Iinclude $(C_FILES)
	shellcheck -x $(SHELL_FILES)

format:
	clang-format -i $(C_FILES) $(H_FILES)

# The counts of lines in the documents, and the line numbers in their links.
links:
	scripts/core-lines
	scripts/link-lines

# ---- installing ----

.PHONY: install uninstall clean help

FOLDERS = "$(BINDIR)" "$(MANDIR)/man1" "$(MANDIR)/man8"

# Older versions put the servers into sbin, where root would find them first.
install: all
	rm -f "$(SBINDIR)/ferryd" "$(SBINDIR)/ferryd-threads"
	scripts/folders make $(BUILD)/folders-made $(FOLDERS)
	install $(PROGRAMS) "$(BINDIR)"
	install -m 644 docs/ferry.1 docs/ferrytop.1 "$(MANDIR)/man1"
	install -m 644 docs/ferryd.8 "$(MANDIR)/man8"

# Folders that install has made are removed, too, if they are empty.
uninstall:
	rm -f "$(SBINDIR)/ferryd" "$(SBINDIR)/ferryd-threads"
	rm -f $(patsubst $(BUILD)/%,"$(BINDIR)/%",$(PROGRAMS))
	rm -f "$(MANDIR)/man1/ferry.1" "$(MANDIR)/man1/ferrytop.1" "$(MANDIR)/man8/ferryd.8"
	scripts/folders remove $(BUILD)/folders-made $(FOLDERS)

clean:
	rm -rf $(BUILD)

help:
	@echo 'make [all]      build ferryd, ferryd-threads, ferry and ferrytop in $(BUILD)/'
	@echo 'make static     the same without shared libraries, in $(BUILD)/static/: small transfers are faster'
	@echo 'make ladder     build the four small servers of docs/ladder in $(BUILD)/ladder/'
	@echo 'make run        serve ROOT=$(ROOT) on PORT=$(PORT), MAX=$(MAX) clients at once'
	@echo 'make demo       show six clients taking turns on a server with room for two'
	@echo 'make test       test the programs (make -j4 test: four files at a time)'
	@echo 'make test-house test the scripts, the documents and the tests themselves'
	@echo 'make test-heavy only the tests that need a browser or proxies (make test has them, too)'
	@echo 'make sanitize   test AddressSanitizer+UBSan and ThreadSanitizer builds'
	@echo 'make musl       test a build with musl (needs musl-gcc)'
	@echo 'make coverage   test with coverage (needs gcovr)'
	@echo 'make lint       run clang-format, clang-tidy, cppcheck and shellcheck'
	@echo 'make format     apply clang-format'
	@echo 'make links      bring the numbers of lines in the documents up to date'
	@echo 'make bench      measure ferry and others side by side; $(BUILD)/bench/report.md'
	@echo 'make bench-quick the same in less than a minute, and less certain'
	@echo 'make compare    measure processes and threads side by side; $(BUILD)/compare/report.md'
	@echo 'make variants   measure what each measure for speed is worth; $(BUILD)/variants/report.md'
	@echo 'make install    install into DESTDIR=$(DESTDIR) PREFIX=$(PREFIX); make uninstall'
	@echo 'make clean      remove $(BUILD)/'
	@echo
	@echo 'and these are yours to set, as in make BUILD=/tmp/clang CC=clang:'
	@echo 'BUILD           where all output goes: $(BUILD)'
	@echo 'CC              the compiler: $(CC)'
	@echo 'CFLAGS LDFLAGS  come after our own flags, and override them: $(CFLAGS) $(LDFLAGS)'
