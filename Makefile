# Secure store-and-forward edge hub for home telehealth.
#
#   make demo     everything once, with a real bluetoothd in QEMU: see README.md
#   make check    all that CI runs
#   make help     the other targets
#
# The object lists below are the architecture: a library that is not named in a program's list is not in it.

.DEFAULT_GOAL := all
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:

# ---- what may be set ------------------------------------------------------------------------------
O ?= build
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CROSS_COMPILE ?=
PREFIX ?= /usr
DESTDIR ?=
V ?= 0
# SANITIZE=1: ASan and UBSan. FAILPOINTS=1: places where a test may kill a process (hub/rt/failpoint.h).
SANITIZE ?= 0
FAILPOINTS ?= 0

VERSION := 0.1.0
Q := $(if $(filter 1,$(V)),,@)
comma := ,
ARCH := $(if $(findstring aarch64,$(CROSS_COMPILE)$(shell uname -m)),arm64,amd64)
# asked once, and only when something is compiled
DEPS = $(eval DEPS := $$(shell rootfs/deps/deps.sh path $(ARCH)))$(DEPS)

# ---- flags ----------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum \
	-Wvla -Wformat=2 -Wimplicit-fallthrough
probe = $(shell $(CROSS_COMPILE)$(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null && echo $(1))
HARDEN := -fPIE -fstack-protector-strong -fno-delete-null-pointer-checks -fno-strict-overflow \
	-fno-strict-aliasing $(call probe,-fstack-clash-protection) \
	$(call probe,-fstrict-flex-arrays=3) $(if $(filter arm64,$(ARCH)),-mbranch-protection=standard)
ifeq ($(SANITIZE),1)
HARDEN += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_HARDEN := -fsanitize=address,undefined
else
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(call probe,-ftrivial-auto-var-init=zero)
LD_HARDEN := -Wl,-z,nodlopen
endif
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DHUB_VERSION='"$(VERSION)"' -I. -isystem $(DEPS)/include \
	$(if $(filter 1,$(FAILPOINTS)),-DHUB_FAILPOINTS) -ffunction-sections -fdata-sections \
	$(WARN) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed \
	$(LD_HARDEN) $(LDFLAGS)

# ---- objects --------------------------------------------------------------------------------------
# pure code, shared by the processes; libcbor codes one item at a time
core := $(addprefix hub/core/,audit_record.o batch.o cbor.o config.o cose.o cursor.o dating.o decimal.o envelope.o err.o \
	hex.o msg.o reading.o time.o)
core_libs := -lcbor
# the loop, messages between processes, log
rt := $(addprefix hub/rt/,clock.o failpoint.o file.o ipc.o log.o notify.o options.o rt.o sandbox.o)
rt_libs := -luv
# the door to wolfCrypt
crypto := $(addprefix hub/crypto/,crypto.o p256.o seal.o)
crypto_libs = $(DEPS)/lib/libwolfssl.a -lm

# the door to SQLCipher
db := $(addprefix storage/,db.o db_stmt.o secret.o sqlcipher_wolf.o)
db_libs = $(DEPS)/lib/libsqlcipher.a $(crypto_libs)

# hub-ble: pure machines and decoders, then the D-Bus shell
ble_decoders := $(addprefix ble/,bas.o bcs.o bls.o cgm.o clock.o crc.o dis.o dts.o elapsed.o fields.o \
	ghs.o gls.o hrs.o hts.o plausible.o plx.o profile.o segment.o stream.o uds.o wss.o)
ble_pure := $(ble_decoders) $(addprefix ble/,backlog.o bucket.o capture.o choose.o crashes.o doctor.o objects.o \
	pairing.o pairing_answer.o pairing_window.o racp.o session.o traits.o verify.o)
ble := $(ble_pure) $(addprefix ble/,agent.o bluez.o bluez_call.o bluez_watch.o bondlink.o bus.o devices.o \
	devices_info.o devices_link.o devices_memory.o devices_steps.o devices_value.o gattapp.o handover.o \
	props.o report.o) $(core) $(rt)
hub_ble := ble/main.o $(ble)
hub_ble_libs = $(core_libs) $(rt_libs) -lsystemd

# hub-bondinfo: what D-Bus does not tell of bonds and links
bondinfo_pure := ble/bondinfo/info.o
bondinfo := $(bondinfo_pure) ble/bondinfo/probe.o $(core) $(rt)
hub_bondinfo := ble/bondinfo/main.o $(bondinfo)
hub_bondinfo_libs = $(core_libs) $(rt_libs)

# the audit log: what both ends know of it, the hub's end, the clinic's end
audit := $(addprefix hub/crypto/,audit_chain.o audit_segment.o audit_tree.o)
audit_store := $(addprefix storage/,audit.o audit_files.o audit_open.o audit_state.o audit_tail.o) $(audit)
audit_clinic := $(addprefix clinic/,audit_fhir.o audit_report.o audit_verify.o json.o) $(audit)

# hub-store
store_pure := $(addprefix storage/,capture.o crc32.o ranges.o spool_format.o window.o)
store := $(store_pure) $(addprefix storage/,handover.o intake.o keys.o queue.o queue_ack.o queue_evict.o slots.o state.o \
	store.o store_open.o store_room.o store_tell.o \
	keys_open.o keys_recovery.o recovery.o root.o \
	ranges_file.o seqblock.o spool.o spool_file.o spool_open.o spool_tidy.o) $(db) $(core) $(rt) $(crypto)
hub_store := storage/main.o $(store)
hub_store_libs = $(core_libs) $(rt_libs) $(db_libs)

# hub-coap: pure machines, then the libcoap shell. libcoap's archive and the mends go together.
coap_pure := coap/forward.o coap/supervisor.o
coap_shared := coap/identity.o coap/library.o coap/mend.o $(core) $(rt) $(crypto)
coap := $(coap_pure) coap/client.o coap/uplink.o $(coap_shared)
hub_coap := coap/main.o $(coap)
hub_coap_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-client.a $(crypto_libs)

hubd_pure := $(addprefix hub/,advice.o indicator.o window.o)
hubd_parts := $(addprefix hub/,parts.o peripherals.o settings.o) $(hubd_pure) $(core) $(rt) $(crypto)
hubd := hub/main.o $(hubd_parts)
hubd_libs = $(core_libs) $(rt_libs) $(crypto_libs)

# the clinic's side: files and keys, the store, ingest
clinic := $(addprefix clinic/,conf.o files.o folder.o ingest.o pki.o schema.o sql_sqlcipher.o store.o) \
	$(db) $(core) $(rt) $(crypto)
clinicd := clinic/clinicd.o $(clinic) coap/server.o $(coap_shared)
clinicd_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-server.a $(db_libs)
# what people type and read; the device's own words are read by the code that wrote them
ctl_text := $(addprefix clinic/,blocks.o codes.o joining.o spec.o words.o words_status.o words_values.o) \
	ble/dis.o
ctl := $(addprefix clinic/,bundle.o ctl_hub.o ctl_init.o ctl_readings.o ctl_status.o ctl_window.o hub_list.o json.o \
	opening.o show_json.o show_text.o) $(ctl_text) coap/identity.o $(clinic)
clinicctl := clinic/clinicctl.o $(ctl)
clinicctl_libs = $(core_libs) $(rt_libs) $(db_libs) -lcjson

PROGRAMS := hub-ble hub-bondinfo hub-store hub-coap hubd clinicd clinicctl

# ---- tests: one line says what each is made of -----------------------------------------------------
# unit: pure modules or one module in a temporary directory, milliseconds
test_core := $(core)
test_formats := $(core)
test_msg := $(core)
test_crypto := $(core) $(crypto)
test_indicator := $(hubd_pure) $(core)
test_hub_window := $(hubd_pure) $(core)
test_peripherals := $(hubd_parts)
test_settings := $(hubd_parts)
test_sqlcipher_wolf := $(db)
test_capture := $(store)
test_window := $(store)
test_handover := $(store)
test_keys := $(store)
test_queue := $(store)
test_state := $(store)
test_root := clinic/recover.o $(store)
$(foreach t,audit audit_record audit_verify,$(eval test_$(t) := $$(audit_store) $$(audit_clinic) $$(core) $$(rt) $$(crypto)))
$(foreach t,ranges seqblock spool spool_format,$(eval test_$(t) := $$(store)))
test_ingest := $(clinic)
test_backlog := ble/backlog.o $(core)
test_crashes := ble/crashes.o
test_sandbox := hub/rt/sandbox.o
decoder_tests := bcs bls cgm clock crc dis elapsed ghs gls hrs hts plx racp_steps segment stream uds wss
$(foreach t,$(decoder_tests),$(eval test_$(t) := $$(ble_pure) $$(core)))
test_traits := $(ble_pure) $(core)
test_objects := $(ble_pure) $(core)
test_props := ble/props.o $(ble_pure) $(core)
test_bondinfo := $(bondinfo)
test_verify := ble/verify.o $(core)
test_pki := $(clinic) coap/identity.o
test_clinic_store := $(clinic)
test_clinic_text := $(ctl_text) $(clinic)
UNIT := $(decoder_tests) traits objects props bondinfo verify core formats msg crypto hub_window indicator peripherals settings sqlcipher_wolf capture \
	window handover keys queue state backlog crashes sandbox root audit audit_record audit_verify ranges seqblock spool spool_format ingest pki clinic_store clinic_text
# sim: the real state machines in virtual time
test_forward := $(coap_pure) $(core)
test_supervisor := $(coap_pure)
# the queue and the clinic's store with nothing but lost replies between them
test_lossless := $(addprefix storage/,handover.o queue.o queue_ack.o queue_evict.o window.o) $(clinic)
SIM := lossless doctor verify pairing pairing_window racp session forward supervisor
test_session := $(ble_pure) $(core)
test_racp := $(ble_pure) $(core)
test_doctor := $(ble_pure) $(core)
test_pairing_window := $(ble_pure) $(core)
test_pairing := $(ble_pure) $(core)
# io: one process, or two ends, against a temporary directory or loopback
test_ipc := $(core) $(rt)
test_store_io := $(core) $(rt) $(crypto)
test_hubd_io := $(core) $(rt) $(crypto)
play_hub := $(clinic)
test_bus := ble/bus.o $(core) $(rt)
test_ble_handover := ble/backlog.o ble/handover.o $(core) $(rt)
# stands for hub-store or hubd in test_ble_io.py
ble_peer := $(core) $(rt)
uplink_ends := coap/server.o clinic/pki.o $(coap_shared)
test_uplink_io := $(uplink_ends)
test_handshake_drops := $(uplink_ends)
test_coap_server := $(uplink_ends)
IO := ipc bus ble_handover store_io hubd_io uplink_io handshake_drops coap_server

test_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-server.a $(db_libs) -lcjson -lsystemd

# ---- building -------------------------------------------------------------------------------------
# link NAME, OBJECTS, LIBRARIES
define link
$(O)/$(1): $(addprefix $(O)/,$(sort $(2)))
	$$(Q)mkdir -p $$(@D)
	@[ "$(V)" = 1 ] || echo "  LD $$@"
	$$(Q)$(CROSS_COMPILE)$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$($(3))
endef

all: $(addprefix $(O)/,$(PROGRAMS))

under = $(subst -,_,$(1))
$(foreach p,$(PROGRAMS),$(eval $(call link,$(p),$($(call under,$(p))),$(call under,$(p))_libs)))
$(foreach t,$(UNIT),$(eval $(call link,tests/unit/test_$(t),tests/unit/test_$(t).o $(test_$(t)),test_libs)))
$(foreach t,$(SIM),$(eval $(call link,tests/sim/test_$(t),tests/sim/test_$(t).o $(test_$(t)),test_libs)))
$(foreach t,$(IO),$(eval $(call link,tests/io/test_$(t),tests/io/test_$(t).o $(test_$(t)),test_libs)))

$(eval $(call link,tests/bench/bench_wire,tests/bench/bench_wire.o $(uplink_ends),test_libs))
bench_intake := ble/backlog.o ble/handover.o $(core) $(rt) $(crypto)
$(eval $(call link,tests/bench/bench_intake,tests/bench/bench_intake.o $(bench_intake),test_libs))
$(eval $(call link,tests/io/play_hub,tests/io/play_hub.o $(play_hub),test_libs))
# every call that changes the disk is caught at link time: power cuts at each of them, and failures of each
explore_wraps := malloc calloc realloc open open64 openat openat64 close read pread pread64 write pwrite pwrite64 \
	ftruncate ftruncate64 fallocate posix_fallocate fsync fdatasync rename renameat unlink unlinkat mkdir mkdirat rmdir \
	mmap mmap64 wc_RNG_GenerateBlock \
	sqlite3_open_v2 sqlite3_close sqlite3_key sqlite3_exec sqlite3_prepare_v3 sqlite3_file_control
explore_shared := $(addprefix tests/explore/,record.o disk.o settings.o work_queue.o) $(store)
explore_libs = $(addprefix -Wl$(comma)--wrap=,$(explore_wraps)) $(core_libs) $(rt_libs) $(db_libs)
$(eval $(call link,tests/explore/explore,$(addprefix tests/explore/,explore.o controls.o cut.o) $(explore_shared),explore_libs))
$(eval $(call link,tests/explore/faults,tests/explore/faults.o $(explore_shared),explore_libs))
# our decoders as a filter, to be held against other people's; and their cost
$(eval $(call link,tests/peers/decode_lines,tests/peers/decode_lines.o $(ble_pure) $(core),test_libs))
$(eval $(call link,tests/bench/bench_decode,tests/bench/bench_decode.o $(ble_pure) $(core),test_libs))
$(eval $(call link,tests/io/ble_peer,tests/io/ble_peer.o $(ble_peer),test_libs))

$(O)/%.o: %.c | deps
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  CC $<"
	$(Q)$(CROSS_COMPILE)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(O) -name '*.d' 2>/dev/null)

deps: need-build
	$(Q)rootfs/deps/deps.sh build $(ARCH)

# bluetoothd with our patches: rootfs/bluez
bluez: need-build need-bluez
	$(Q)rootfs/bluez/bluez.sh build $(ARCH)

need-%:
	$(Q)rootfs/host/need.sh $*

# ---- checking -------------------------------------------------------------------------------------
FAST := $(addprefix unit/test_,$(UNIT)) $(addprefix sim/test_,$(SIM)) $(addprefix io/test_,$(IO))
FAST_SCRIPTS := io/test_ble_io.py io/test_ble_attacks.py io/test_ble_garbage.py io/test_ble_outsiders.py io/test_devices.py io/test_bondinfo.py io/test_clinicctl.py

fast-programs: all $(addprefix $(O)/tests/,$(FAST) io/play_hub io/ble_peer)

# unit, io and sim under ASan and UBSan; leaks are looked for in the programs that may be traced
check-fast: need-build need-check deps
	@echo '== unit, sim, io (address and undefined-behaviour sanitizers)'
	$(Q)$(MAKE) O=$(O)/asan SANITIZE=1 FAILPOINTS=1 fast-programs
	$(Q)ASAN_OPTIONS=detect_leaks=0 tests/run.sh $(O)/asan $(FAST) $(FAST_SCRIPTS)

# the decoders and libraries in Python, the same values to both
check-peers: need-build need-peers deps
	@echo '== decoders against libraries of other people'
	$(Q)tests/peers/libraries.sh install
	$(Q)$(MAKE) $(O)/tests/peers/decode_lines
	$(Q)tests/peers/compare.py $(O)/tests/peers/decode_lines

# each process killed at each step
check-kills: need-build need-check deps
	@echo '== every process killed at every step of the path'
	$(Q)$(MAKE) O=$(O)/failpoints FAILPOINTS=1 all $(O)/failpoints/tests/io/ble_peer
	$(Q)/usr/bin/python3 tests/system/test_kills.py $(O)/failpoints

# the store after power cuts and failing calls: a sample; 'check-all' has the whole
check-explore: need-build need-check deps
	@echo '== the store after every kind of power cut, with controls that must lose data'
	$(Q)$(MAKE) $(addprefix $(O)/,$(store)) $(O)/tests/explore/explore $(O)/tests/explore/faults
	$(Q)tests/explore/imports.sh '$(explore_wraps)' $(addprefix $(O)/,$(store)) $(DEPS)/lib/libsqlcipher.a
	$(Q)$(O)/tests/explore/explore
	$(Q)$(O)/tests/explore/faults --thin 4

# where the root secret comes from: a credential under the host's key and under a TPM 2.0 (swtpm), board memory
check-root: need-image need-tpm all image
	@echo '== the root secret in the device: TPM, host key, board, and none of them'
	$(Q)/usr/bin/python3 tests/system/test_root.py $(O)

# all that 'check' samples, and what it leaves out; half an hour more
check-all: check check-root
	$(Q)$(O)/tests/explore/explore --states 120000
	$(Q)$(O)/tests/explore/faults

# the device: image in QEMU, real bluetoothd, emulated cuff
check-system: need-image all image
	@echo '== the device in QEMU: real bluetoothd, emulated cuff, clinic on this machine'
	$(Q)/usr/bin/python3 tests/system/test_system.py $(O)
	$(Q)/usr/bin/python3 tests/system/test_bluetoothd_restart.py --build $(O)
	@echo '== every home device, through a real bluetoothd'
	$(Q)/usr/bin/python3 tests/system/test_profiles.py $(O)

# a hundred connections of a cuff that indicates at once
check-early: need-image all image
	@echo '== a hundred indications at once after encryption'
	$(Q)/usr/bin/python3 tests/system/test_early.py $(O)

# attacks over the air, from other users and from services taken over, in the guest
check-attacks: need-image all image
	@echo '== attacks on the device'
	$(Q)/usr/bin/python3 tests/system/test_ble_attacks.py $(O)

image: need-image
	$(Q)rootfs/image/twin.sh build >/dev/null

check:
	$(Q)start=$$(date +%s); set -e; \
	for step in all image check-fast check-peers check-explore check-kills check-system check-early check-attacks fuzz-replay lint; do $(MAKE) $$step; done; \
	echo; echo "Everything holds: $$(( ($$(date +%s) - start) / 60 )) minutes."

demo: need-image all image
	$(Q)/usr/bin/python3 tests/system/demo.py --build $(O) --devices '$(DEVICES)'

# ---- measuring ------------------------------------------------------------------------------------
bench_cipher := $(db) $(core) $(rt) $(crypto)
$(eval $(call link,tests/bench/bench_cipher,tests/bench/bench_commit.o $(bench_cipher),test_libs))

# the same source on plain SQLite
$(O)/tests/bench/bench_plain: tests/bench/bench_commit.c storage/db.c storage/db_stmt.c storage/secret.c | deps
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) -DBENCH_PLAIN $(ALL_LDFLAGS) -o $@ $^ $(addprefix $(O)/,$(core) $(rt) $(crypto)) \
		$(DEPS)/lib/libsqlite3plain.a $(core_libs) $(rt_libs) $(crypto_libs)

bench: need-build need-check all $(O)/tests/io/ble_peer \
		$(addprefix $(O)/tests/bench/,bench_cipher bench_decode bench_plain bench_wire bench_intake)
	$(Q)tests/bench/commit.sh $(O)/tests/bench/bench_cipher $(O)/tests/bench/bench_plain $(O)
	$(Q)$(O)/tests/bench/bench_wire
	$(Q)$(O)/tests/bench/bench_intake $(O)
	$(Q)tests/bench/decode.sh $(O)/tests/bench/bench_decode
	$(Q)/usr/bin/python3 tests/bench/durable.py $(O)
	$(Q)/usr/bin/python3 tests/bench/memory.py $(O)

help:
	@echo 'make demo         the whole path once: cuff, hub in QEMU, network cut, clinic'
	@echo '                  DEVICES=cuff,glucometer,oximeter,scale,thermometer,cgm,strap,ghs: those, one by one'
	@echo 'make check        all that CI runs; installs what it needs (about 25 minutes, more the first time)'
	@echo 'make check-fast   unit, sim and io tests, under sanitizers (about a minute)'
	@echo 'make check-explore  the store after power cuts and failing calls; make check-all  120,000 of them'
	@echo 'make check-kills  each process killed at each step; make check-system  the device in QEMU'
	@echo 'make check-peers  the decoders against libraries of other people'
	@echo 'make check-attacks  attacks in the device: impostors, other users, a hub-ble taken over'
	@echo 'make check-early  a cuff that indicates at once after encryption, a hundred times'
	@echo 'make lint         formatting, warnings of two compilers, analysers, what is linked where'
	@echo 'make fuzz         every parser, FUZZ_SECONDS each (60)'
	@echo 'make bench        figures with their targets, beside plain SQLite'
	@echo 'make              the programs, into build/ (O= another folder, V=1 shows commands)'
	@echo 'make image        the amd64 twin of the device image, for QEMU'
	@echo 'make install      DESTDIR= PREFIX=; install-hub and install-clinic do one side'
	@echo 'make deps         the pinned libraries; for arm64: make deps CROSS_COMPILE=aarch64-linux-gnu-'
	@echo 'make clean        removes build/'

# ---- lint -----------------------------------------------------------------------------------------
# all that we compile, for its warnings
everything: all $(patsubst tests/%.c,$(O)/tests/%.o,$(wildcard tests/unit/*.c tests/sim/*.c tests/io/*.c \
	tests/bench/*.c tests/fuzz/*.c tests/peers/*.c tests/explore/*.c))

lint: need-build need-check deps
	$(Q)LINT_PURE='$(core) $(ble_pure) $(bondinfo_pure) $(store_pure) $(coap_pure) $(hubd_pure)' tests/lint.sh $(O) $(DEPS)

# ---- fuzz -----------------------------------------------------------------------------------------
# one line says what each target is made of; corpus: tests/fuzz/corpus/<target>
decoder_fuzz := bcs bls cgm clock dis elapsed ghs gls hrs hts plx racp segment stream uds wss
$(foreach t,$(decoder_fuzz),$(eval fuzz_$(t) := $$(ble_pure) $$(core)))
fuzz_bondinfo := $(bondinfo_pure) $(core)
fuzz_config := $(core)
fuzz_cose := $(core)
fuzz_msg := $(core)
fuzz_peripherals := hub/peripherals.o hub/window.o $(core) $(rt)
fuzz_reading := $(core)
fuzz_reply := $(coap_pure) $(core)
fuzz_slots := storage/slots.o $(core)
fuzz_recovery := storage/recovery.o $(core) $(crypto)
fuzz_audit_record := $(core)
fuzz_audit_log := $(audit_clinic) $(core) $(rt) $(crypto)
fuzz_spool := storage/spool_format.o $(core)
fuzz_ranges := storage/ranges.o storage/crc32.o $(core)
fuzz_upload := $(clinic)
FUZZ := $(decoder_fuzz) audit_log audit_record bondinfo config cose msg peripherals ranges reading recovery reply slots spool upload
FUZZ_SECONDS ?= 60

$(foreach t,$(FUZZ),$(eval $(call link,tests/fuzz/fuzz_$(t),tests/fuzz/fuzz_$(t).o $(fuzz_$(t)),test_libs)))
fuzz-programs: $(addprefix $(O)/tests/fuzz/fuzz_,$(FUZZ))

fuzz-build: need-build need-check deps
	$(Q)$(MAKE) O=$(O)/fuzz CC=clang SANITIZE=1 CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' \
		LDFLAGS=-fsanitize=fuzzer fuzz-programs

# what is found new stays in $(O)/fuzz/corpus, an input that fails in $(O)/fuzz/failed
fuzz: fuzz-build
	$(Q)for t in $(FUZZ); do tests/fuzz/run.sh $(O)/fuzz $$t $(FUZZ_SECONDS) || exit 1; done

fuzz-replay: fuzz-build
	$(Q)for t in $(FUZZ); do tests/fuzz/run.sh $(O)/fuzz $$t 0 || exit 1; done

# ---- installing -----------------------------------------------------------------------------------
LIBEXEC := $(DESTDIR)$(PREFIX)/libexec/hub

install: install-hub install-clinic

install-hub: $(addprefix $(O)/,hub-ble hub-bondinfo hub-store hub-coap hubd) bluez
	rootfs/install.sh '$(DESTDIR)'
	install -d $(LIBEXEC)
	install -s $(filter $(O)/%,$^) $$(rootfs/bluez/bluez.sh path $(ARCH))/bluetoothd $(LIBEXEC)

install-clinic: $(O)/clinicd $(O)/clinicctl
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8
	install -s $^ $(DESTDIR)$(PREFIX)/bin
	install -m644 clinic/clinicctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m644 clinic/clinicd.8 $(DESTDIR)$(PREFIX)/share/man/man8/

clean:
	rm -rf build out

.PHONY: all bench bluez check check-all check-attacks check-early check-explore check-fast check-kills check-peers check-root check-system demo deps fast-programs help image everything lint fuzz fuzz-build fuzz-programs fuzz-replay install install-hub install-clinic clean
