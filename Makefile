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
# what sanitizers do themselves, or cannot live with; each is asked for in tests/elf.sh
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(call probe,-ftrivial-auto-var-init=zero) \
	$(call probe,-fzero-call-used-regs=used-gpr) $(call probe,-Wtrampolines)
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
core := $(addprefix hub/core/,audit_record.o base32.o batch.o cbor.o certs_only.o command.o config.o config_plan.o console.o console_account.o cose.o cursor.o dating.o decimal.o der.o enrolled.o envelope.o err.o evidence.o fido.o image.o \
	hex.o kind.o label.o limits.o manifest.o msg.o network.o paste.o reading.o refusal.o schedule.o signer.o snapshot.o status.o stick.o ticket.o time.o token.o trust.o verbs.o)
core_libs := -lcbor
# the loop, messages between processes, log
rt := $(addprefix hub/rt/,clock.o failpoint.o file.o inherited.o ipc.o log.o notify.o options.o rt.o landlock.o sandbox.o sandbox_calls.o)
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
	pairing.o pairing_answer.o pairing_window.o parting.o racp.o revive.o session.o traits.o verify.o)
ble := $(ble_pure) $(addprefix ble/,agent.o bluez.o bluez_call.o bluez_purge.o bluez_watch.o bondlink.o bus.o devices.o \
	devices_fence.o devices_health.o devices_info.o devices_link.o devices_memory.o devices_steps.o devices_unpair.o devices_value.o gattapp.o handover.o \
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
store_pure := $(addprefix storage/,btree.o capture.o crc32.o days.o ranges.o spool_format.o window.o)
keys := $(addprefix storage/,keys.o keys_audit.o keys_enrol.o keys_open.o keys_recovery.o recovery.o root.o slots.o)
records := $(store_pure) $(addprefix storage/,queue.o queue_ack.o queue_evict.o queue_keep.o records.o records_open.o records_salvage.o records_spool.o \
	salvage.o salvage_small.o salvage_walk.o page_file.o ranges_file.o seqblock.o spool.o spool_file.o spool_open.o spool_tidy.o) $(keys)
store := $(records) $(addprefix storage/,reset_left.o reset_rule.o days_record.o exporter.o handover.o intake.o state.o store.o store_audit.o store_console.o store_days.o store_enrol.o store_events.o store_evidence.o store_export.o store_fence.o store_open.o store_own.o store_resync.o store_retire.o store_room.o store_snapshot.o store_status.o store_tell.o) \
	hub/crypto/manifest_sign.o $(audit_store) $(db) $(core) $(rt) $(crypto)
hub_store := storage/main.o $(store)
hub_store_libs = $(core_libs) $(rt_libs) $(db_libs)
# hub-store-reset: a factory reset, before hub-store runs
hub_store_reset := storage/reset_main.o storage/reset.o storage/reset_left.o storage/reset_rule.o $(records) $(db) $(core) $(rt) $(crypto)
hub_store_reset_libs = $(hub_store_libs)

# hub-coap: pure machines, then the libcoap shell. libcoap's archive and the mends go together.
coap_pure := coap/anchors.o coap/block.o coap/fetch.o coap/forward.o coap/forward_answer.o coap/forward_size.o coap/rtt.o coap/supervisor.o coap/targets.o coap/enrol.o coap/enrol_words.o
coap_shared := coap/identity.o coap/library.o coap/mend.o coap/tune.o $(core) $(rt) $(crypto)
coap_server := $(addprefix coap/,block.o block_body.o replies.o requests.o respond.o server.o)
# a hub's certificates: its files, the questions to the clinic
identity := $(addprefix coap/,identity_cert.o identity_change.o identity_disk.o identity_file.o identity_forget.o identity_pem.o identity_store.o identity_wrap.o)
enrolling := $(identity) $(addprefix coap/,anchor.o anchor_next.o enrol_client.o enrolling.o enrolling_root.o enrolling_talk.o identity_chain.o) hub/crypto/csr_make.o hub/crypto/trust_cross.o hub/crypto/trust_sign.o
coap := $(coap_pure) $(enrolling) hub/rt/resolve.o $(addprefix coap/,client.o report.o route.o uplink.o uplink_enrol.o uplink_peers.o) $(coap_shared)
hub_coap := coap/main.o $(coap)
hub_coap_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-client.a $(crypto_libs)

# hub-setup: device key, clinic.trust and label, before hub-coap runs
setup := $(identity) $(addprefix coap/,anchor.o enrol.o identity.o setup.o) $(addprefix hub/crypto/,csr_make.o ticket_sign.o trust_sign.o) $(core) $(rt) $(crypto)
hub_setup := coap/setup_main.o coap/setup_show.o $(setup)
hub_setup_libs = $(core_libs) $(rt_libs) $(crypto_libs) -lqrencode

hubd_pure := $(addprefix hub/,accounts.o advice.o challenger.o command.o console_session.o endpoints.o fence.o health.o indicator.o indicator_words.o lockdown.o look.o network_trial.o pattern.o plan.o repeat.o timefloor.o trigger.o trigger_bucket.o triggers.o window.o)
hubd_parts := $(addprefix hub/,command_open.o escrow.o escrow_file.o fence_file.o lockdown_file.o network_open.o offer.o orders.o orders_token.o parts.o peripherals.o sealing.o settings.o token_open.o triggers_file.o trusted.o) hub/crypto/trust_cross.o hub/crypto/trust_sign.o $(hubd_pure) $(core) $(rt) $(crypto)
hubd := $(addprefix hub/,board.o main.o hubd_account.o hubd_config.o hubd_console.o hubd_console_change.o hubd_console_verbs.o hubd_enrol.o hubd_export.o hubd_identity.o hubd_light.o hubd_network.o hubd_orders.o hubd_parts.o hubd_show.o) $(hubd_parts)
hubd_libs = $(core_libs) $(rt_libs) $(crypto_libs)

# hub-measure: what is loaded, what is exposed, what runs that should not
measure_pure := $(addprefix hub/measure/,handing.o procfs.o survey.o words.o)
measure := $(measure_pure) $(addprefix hub/measure/,drops.o folder.o hardware.o scan.o seen.o texts.o) $(core) $(rt) $(crypto)
hub_measure := $(addprefix hub/measure/,main.o measure_list.o measure_look.o measure_sign.o measure_snapshot.o measure_tell.o) $(measure)
hub_measure_libs = $(core_libs) $(rt_libs) $(crypto_libs)

# hub-console: the field technician's serial line
console_pure := $(addprefix hub/console/,format.o line.o typed.o)
console := $(console_pure) hub/console/serial.o $(core) $(rt)
hub_console := hub/console/main.o $(console)
hub_console_libs = $(core_libs) $(rt_libs)

# hub-network: the network setting, for systemd-networkd
network_pure := hub/network/render.o
network := $(network_pure) $(core) $(rt)
hub_network := hub/network/main.o $(network)
hub_network_libs = $(core_libs) $(rt_libs)

# the clinic's side: files and keys, the store, ingest
clinic := $(addprefix clinic/,conf.o hub_ports.o enrol_store.o files.o folder.o ingest.o keyfile.o keyring.o pace.o passphrase.o pki.o schema.o sql.o sql_postgres.o sql_postgres_rows.o sql_rewrite.o sql_sqlcipher.o store.o store_assign.o store_claim.o store_command.o store_escrow.o store_held.o store_settle.o store_status.o store_ticket.o store_visit.o ticket_row.o visit.o filing.o witness.o enrolment.o store_config.o) \
	hub/command.o $(audit) $(db) $(core) $(rt) $(crypto)
# the store, by what its rows are of
clinic += $(addprefix clinic/,store_counts.o store_hub.o store_mailbox.o store_mark.o store_record.o store_tombstone.o store_walk.o)
# another root
clinic += clinic/root_files.o
# the end of hubs' lives
clinic += clinic/life.o clinic/store_life.o
# requests for certificates
enroller := clinic/enroller.o clinic/enroller_bodies.o clinic/enroller_ticket.o coap/enrol_server.o hub/crypto/csr.o
# the clinic's door: questions, answers, the sockets
door := $(addprefix clinic/,bundle_own.o door.o door_answer.o door_config.o door_decide.o door_order.o door_page.o door_records.o door_replace.o door_row.o door_rows.o door_rows_order.o door_rows_records.o door_rows_visit.o door_ticket.o door_visit.o hub_facts.o order_take.o store_person.o wire.o)
clinicd := clinic/clinicd.o clinic/calls.o clinic/door_serve.o $(door) clinic/enrol_role.o clinic/config_serve.o clinic/flood.o clinic/metrics.o $(enroller) $(clinic) $(coap_server) $(coap_shared)
clinicd_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-server.a $(db_libs) -lpq
# what people type and read; the device's own words are read by the code that wrote them
ctl_text := $(addprefix clinic/,blocks.o codes.o joining.o endpoint_list.o endpoint_spec.o spec.o words.o words_enrol.o words_status.o words_values.o) \
	ble/dis.o
ctl := hub/escrow.o $(addprefix clinic/,ctl_keys_root.o root_change.o audit_fhir.o audit_report.o audit_verify.o bundle.o ctl_assign.o ctl_audit.o ctl_claim.o ctl_command.o ctl_completion.o ctl_config.o ctl_config_ask.o ctl_decide.o ctl_endpoints.o ctl_enrol.o ctl_gaps.o ctl_fleet.o ctl_held.o ctl_here.o ctl_hub.o ctl_hubs.o ctl_import.o ctl_init.o ctl_keys.o ctl_label.o ctl_lock.o ctl_network.o ctl_order.o ctl_order_show.o ctl_passphrase.o ctl_person.o ctl_person_end.o ctl_readings.o ctl_recover.o ctl_signer.o ctl_status.o ctl_suspend.o ctl_ticket.o ctl_ticket_list.o ctl_token.o ctl_token_ask.o ctl_token_code.o ctl_token_show.o ctl_token_sign.o token_orders.o ctl_trust.o own_trust.o trust_file.o ctl_visit.o ctl_window.o config_state.o config_text.o ctl_conf.o ctl_conf_edit.o \
	gaps.o gaps_load.o gaps_manifests.o gaps_words.o hub_list.o json.o json_words.o label_arg.o label_pdf.o label_sheet.o label_svg.o opening.o recover.o recover_spool.o \
	endpoint_args.o person_folder.o limit_text.o plan_text.o remote.o show_json.o show_text.o silence.o silence_show.o usage.o) $(door) $(ctl_text) hub/endpoints.o coap/identity.o coap/identity_file.o hub/crypto/manifest_sign.o hub/crypto/ticket_sign.o hub/crypto/trust_sign.o storage/recovery.o \
	storage/spool_format.o $(clinic)
signing := $(addprefix clinic/,fido_file.o fido_key.o fido_talk.o helper.o pkcs11_file.o pkcs11_key.o pkcs11_talk.o signing.o talk.o)
ctl += $(signing) clinic/ctl_signer_key.o
ctl += clinic/ctl_life.o clinic/ctl_replace.o clinic/ctl_retire.o
# what matters of what is known
risk := $(addprefix clinic/,debian_version.o risk.o risk_feed.o risk_image.o risk_vex.o)
ctl += $(risk) $(addprefix clinic/,console_load.o ctl_console.o ctl_evidence.o ctl_risk.o evidence_load.o snapshot_load.o risk_show.o vex_sign.o)
# what verbs ask of a clinic
ctl += clinic/remote_lists.o
clinicctl := clinic/clinicctl.o $(ctl)
clinicctl_libs = $(core_libs) $(rt_libs) $(db_libs) -lpq -lcjson -lhpdf -lqrencode
# clinicctl-fido: talks to security keys; the only program with OpenSSL, in libfido2 (adr/0020)
fido := clinic/fido/key.o clinic/fido/main.o clinic/fido_talk.o clinic/helper_end.o clinic/talk.o $(core)
clinicctl_fido := clinic/fido/devices.o $(fido)
clinicctl_fido_libs = -lfido2 $(core_libs)

# clinicctl-pkcs11: loads the modules of those who make tokens, which no other program does (adr/0022)
clinicctl_pkcs11 := $(addprefix clinic/pkcs11/,fault.o key.o login.o main.o object.o slot.o uri.o) clinic/helper_end.o clinic/pkcs11_talk.o clinic/talk.o $(core)
clinicctl_pkcs11_libs = -lp11-kit $(core_libs)

PROGRAMS := hub-ble hub-bondinfo hub-store hub-store-reset hub-coap hub-setup hubd hub-measure hub-console hub-network clinicd clinicctl clinicctl-fido clinicctl-pkcs11

# ---- tests: one line says what each is made of -----------------------------------------------------
# unit: pure modules or one module in a temporary directory, milliseconds
test_core := $(core)
test_formats := $(core)
test_msg := $(core)
test_label := $(core)
test_manifest := hub/crypto/manifest_sign.o $(core) $(crypto)
test_crypto := $(core) $(crypto)
test_fido := $(core) $(crypto)
test_measure := $(measure)
test_snapshot := $(measure)
test_csr := hub/crypto/csr.o $(core) $(crypto)
test_indicator := $(hubd_pure) $(core)
test_pattern := $(hubd_pure) $(core)
test_plan := $(hubd_pure) $(core)
test_hub_window := $(hubd_pure) $(core)
test_status := $(hubd_pure) $(core)
test_triggers := $(hubd_parts)
test_look := $(hubd_pure) $(core)
UNIT_HUBD := look orders triggers signed_first
test_peripherals := $(hubd_parts)
test_settings := $(hubd_parts)
test_sqlcipher_wolf := $(db)
test_capture := $(store)
test_window := $(store)
test_days := storage/days.o storage/days_record.o clinic/opening.o hub/crypto/manifest_sign.o $(core) $(crypto)
test_handover := $(store)
test_keys := $(store)
test_queue := $(store)
test_keep := $(store)
test_records := $(store)
test_btree := storage/btree.o $(core)
test_salvage := $(store)
test_state := $(store)
test_reset := storage/reset.o storage/reset_left.o storage/reset_rule.o $(records) $(db) $(core) $(rt) $(crypto)
test_store_enrol := $(store)
test_store_retire := $(store)
test_store_console := $(store)
test_root := clinic/opening.o clinic/recover.o $(store)
$(foreach t,audit audit_record audit_verify,$(eval test_$(t) := $$(audit_store) $$(audit_clinic) $$(core) $$(rt) $$(crypto)))
$(foreach t,ranges seqblock spool spool_format,$(eval test_$(t) := $$(store)))
test_ingest := $(clinic)
test_ingest_group := $(clinic)
test_clinic_load := clinic/flood.o clinic/metrics.o $(enroller) $(clinic)
# both ends, with nothing but replies between them
test_store_audit := tests/unit/clinic_end.o $(audit_clinic) $(clinic) $(store)
test_backlog := ble/backlog.o $(core)
test_crashes := ble/crashes.o
test_sandbox := $(core) $(rt)
test_confine := $(core) $(rt)
decoder_tests := bcs bls cgm clock crc dis elapsed ghs gls hrs hts plx racp_steps segment stream uds wss
$(foreach t,$(decoder_tests),$(eval test_$(t) := $$(ble_pure) $$(core)))
test_traits := $(ble_pure) $(core)
test_objects := $(ble_pure) $(core)
test_props := ble/props.o $(ble_pure) $(core)
test_bondinfo := $(bondinfo)
test_verify := ble/verify.o $(core)
test_pki := $(clinic) coap/identity.o
test_rtt := coap/rtt.o
test_targets := coap/targets.o
test_block := coap/block.o
test_block_body := coap/block.o coap/block_body.o
test_fetch := coap/block.o coap/fetch.o
test_offer := $(hubd_parts)
test_trusted := $(hubd_parts) $(clinic)
test_anchor := coap/anchor.o hub/crypto/trust_sign.o $(clinic)
test_enrol_words := coap/enrol_words.o $(enroller) coap/identity.o $(clinic)
test_command := $(hubd_parts)
test_token := $(hubd_parts)
test_orders := $(hubd_parts)
test_signed_first := $(hubd_parts)
$(O)/tests/unit/test_signed_first: LDFLAGS += $(addprefix -Wl$(comma)--wrap=,command_decode access_token_decode config_decode)
test_endpoints := hub/endpoints.o
test_timefloor := hub/timefloor.o $(core)
test_clinic_store := $(clinic)
test_filing := $(clinic)
test_life := clinic/life.o
test_store_life := $(clinic)
test_enrolment := clinic/enrolment.o clinic/life.o
test_csr_make := hub/crypto/csr_make.o coap/identity.o $(core) $(rt) $(crypto)
test_identity_store := $(identity) coap/enrol.o hub/crypto/csr_make.o coap/identity.o $(clinic)
test_identity_chain := coap/identity.o coap/identity_chain.o $(clinic)
test_setup := $(setup) $(clinic)
test_enroller := $(enroller) coap/identity.o $(clinic)
test_enroller_emergency := clinic/config_serve.o $(enroller) coap/identity.o $(clinic)
test_enroller_ticket := $(enroller) coap/identity.o $(clinic)
test_store_claim := $(clinic)
test_visit := $(clinic)
test_door := $(door) coap/identity.o $(clinic)
test_trust := hub/crypto/trust_sign.o $(clinic)
test_trust_cross := $(addprefix hub/crypto/,trust_cross.o trust_sign.o) $(clinic)
test_ticket := hub/crypto/ticket_sign.o hub/crypto/trust_sign.o $(clinic)
test_silence := clinic/silence.o $(clinic)
test_clinic_text := $(ctl_text) $(clinic)
test_endpoint_spec := $(ctl_text) $(clinic)
config_text := clinic/config_text.o clinic/json.o clinic/limit_text.o clinic/plan_text.o $(ctl_text) $(clinic)
test_config_text := $(config_text)
test_gaps := clinic/gaps.o clinic/gaps_load.o clinic/opening.o hub/crypto/manifest_sign.o $(clinic) $(addprefix clinic/,gaps.o gaps_load.o gaps_manifests.o opening.o)
test_config_state := clinic/config_state.o clinic/json.o $(clinic)
test_config_serve := clinic/config_serve.o $(clinic)
test_gaps := $(addprefix clinic/,gaps.o gaps_load.o gaps_manifests.o opening.o) hub/crypto/manifest_sign.o $(clinic)
test_replies := coap/replies.o $(core)
test_coap_records := $(coap_shared)
test_limits := hub/repeat.o clinic/limit_text.o $(core)
UNIT := $(decoder_tests) limits traits objects props bondinfo verify core formats label msg crypto hub_window indicator pattern plan peripherals settings sqlcipher_wolf capture manifest days enrolment enroller enroller_emergency enroller_ticket csr csr_make identity_chain identity_store setup reset \
	window handover keys queue records btree salvage state backlog crashes sandbox root audit audit_record audit_verify ranges seqblock spool spool_format ingest ingest_group pki rtt targets endpoints clinic_store store_claim door ticket token trust visit clinic_load clinic_text gaps silence status store_audit filing timefloor keep replies coap_records endpoint_spec block block_body fetch offer command config_state config_serve config_text
# with the hub's libcoap: the clinic's has no client in it
test_tune := $(coap_shared)
UNIT_COAP := tune
UNIT += trust_cross life store_enrol store_retire store_life trusted anchor enrol_words
test_console := $(console_pure) $(core)
test_network := $(network_pure) $(hubd_parts)
test_accounts := hub/accounts.o $(core)
test_console_account := $(core)
UNIT += network accounts console_account store_console
test_console_session := hub/console_session.o hub/challenger.o hub/trigger.o hub/trigger_bucket.o hub/triggers.o hub/lockdown.o hub/command.o $(core)
UNIT += console console_session
test_stick := storage/exporter.o $(records) $(db) $(core) $(rt) $(crypto)
UNIT += stick
UNIT += $(UNIT_HUBD) measure snapshot risk fido
test_risk := $(risk) clinic/json.o $(core) $(crypto)
UNIT += confine
# sim: the real state machines in virtual time
test_forward := $(coap_pure) $(core)
test_supervisor := $(coap_pure)
# the queue and the clinic's store with nothing but lost replies between them
test_lossless := storage/handover.o $(records) $(clinic)
# the same with networks and weeks, and rows that are only counted
test_uplink_days := storage/handover.o storage/ranges.o storage/crc32.o $(coap_pure) $(clinic)
test_enrol := coap/enrol.o hub/core/enrolled.o clinic/enrolment.o clinic/life.o
test_three_years := $(addprefix coap/,enrol.o supervisor.o targets.o) hub/timefloor.o $(clinic)
test_enrolment_model := coap/enrol.o hub/core/enrolled.o clinic/enrolment.o clinic/life.o clinic/ticket_row.o
test_emergency_model := coap/enrol.o hub/core/enrolled.o clinic/enrolment.o clinic/life.o
SIM := lossless uplink_days fence lockdown enrol enrolment_model emergency_model three_years doctor verify pairing pairing_window racp revive session forward supervisor
# the lockdown machine with its disk, power cuts and orders that come in any order
test_lockdown := hub/command.o hub/lockdown.o $(core)
# what the hub notices against itself, with that machine and its disk; ten thousand years of noise
test_trigger_model := hub/command.o hub/lockdown.o hub/trigger.o hub/trigger_bucket.o hub/triggers.o $(core)
test_false_alarms := $(test_trigger_model)
SIM += anchors trigger_model false_alarms
# hubd's and hub-ble's machines with a hub-store, a device and its patients as a model
test_anchors := coap/anchors.o $(core)
test_fence := hub/fence.o ble/parting.o $(core)
test_revive := ble/revive.o $(core)
test_session := $(ble_pure) $(core)
test_racp := $(ble_pure) $(core)
test_doctor := $(ble_pure) $(core)
test_pairing_window := $(ble_pure) $(core)
test_pairing := $(ble_pure) $(core)
# io: one process, or two ends, against a temporary directory or loopback
test_ipc := $(core) $(rt)
test_store_io := hub/crypto/manifest_sign.o $(core) $(rt) $(crypto) $(audit_clinic)
test_lock_memory := $(store)
test_hubd_io := hub/timefloor.o $(core) $(rt) $(crypto)
play_hub := $(clinic)
# a clinic that signs what no hub may take
play_config := clinic/bundle.o coap/identity_file.o clinic/bundle_own.o clinic/own_trust.o hub/crypto/trust_sign.o $(signing) coap/identity.o $(ctl_text) $(clinic)
play_command := $(clinic)
play_token := $(clinic)
play_enrol := $(clinic)
# a hub that tells its days, and its card when it died
play_days := hub/crypto/manifest_sign.o $(keys) $(addprefix storage/,queue.o queue_ack.o queue_evict.o queue_keep.o spool_format.o window.o) \
	$(clinic)
play_audit := $(audit_store) $(clinic)
test_bus := ble/bus.o $(core) $(rt)
test_ble_handover := ble/backlog.o ble/handover.o $(core) $(rt)
# stands for hub-store or hubd in test_ble_io.py
ble_peer := $(core) $(rt)
uplink_ends := $(coap_server) clinic/pki.o $(coap_shared)
test_uplink_io := $(uplink_ends)
test_handshake_drops := $(uplink_ends)
test_small_path := $(uplink_ends)
test_bad_servers := $(uplink_ends)
test_endpoints_io := $(uplink_ends)
test_old_clock := $(uplink_ends)
test_names_io := hub/rt/resolve.o $(uplink_ends)
test_coap_server := $(uplink_ends)
test_coap_group := $(uplink_ends)
test_hostile_server := $(uplink_ends)
test_certificates := $(uplink_ends)
# hubs without libcoap, that do what a hub never would
raw_hubs := tests/io/raw_hub.o $(uplink_ends)
test_coap_attacks := $(raw_hubs)
test_enrol_server := $(raw_hubs)
test_coap_profiles := $(raw_hubs)
test_coap_get := $(raw_hubs)
# its clocks jump
test_coap_clock := $(raw_hubs)
$(O)/tests/io/test_coap_clock: LDFLAGS += -Wl,--wrap=clock_gettime
IO := enrol_server ipc bus ble_handover store_io lock_memory hubd_io uplink_io endpoints_io names_io old_clock handshake_drops small_path bad_servers coap_server coap_group coap_get coap_attacks coap_profiles coap_clock hostile_server certificates

test_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-server.a $(db_libs) -lpq -lcjson -lsystemd

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
$(foreach t,$(UNIT_COAP),$(eval $(call link,tests/unit/test_$(t),tests/unit/test_$(t).o $(test_$(t)),hub_coap_libs)))
$(foreach t,$(SIM),$(eval $(call link,tests/sim/test_$(t),tests/sim/test_$(t).o $(test_$(t)),test_libs)))
$(foreach t,$(IO),$(eval $(call link,tests/io/test_$(t),tests/io/test_$(t).o $(test_$(t)),test_libs)))

$(eval $(call link,tests/bench/bench_wire,tests/bench/bench_wire.o $(uplink_ends),test_libs))
$(eval $(call link,tests/bench/bench_sessions,tests/bench/bench_sessions.o $(raw_hubs),test_libs))
# many hubs in one process: their real uplinks around hub-stores that are played
swarm := $(addprefix tests/swarm/,swarm.o home.o enrol.o ledger.o) $(coap) $(clinic)
swarm_libs = $(core_libs) $(rt_libs) $(DEPS)/lib/libcoap-client.a $(db_libs) -lpq
$(eval $(call link,tests/swarm/swarm,$(swarm),swarm_libs))
bench_ingest := tests/bench/bench_ingest.o tests/swarm/enrol.o tests/swarm/ledger.o $(coap) $(clinic)
$(eval $(call link,tests/bench/bench_ingest,$(bench_ingest),swarm_libs))
$(eval $(call link,tests/bench/bench_ingest_server,tests/bench/bench_ingest_server.o $(uplink_ends) $(clinic),test_libs))
bench_drain := tests/swarm/enrol.o tests/swarm/ledger.o $(clinic)
$(eval $(call link,tests/bench/bench_drain,tests/bench/bench_drain.o $(bench_drain),test_libs))
bench_intake := ble/backlog.o ble/handover.o $(core) $(rt) $(crypto)
$(eval $(call link,tests/bench/bench_intake,tests/bench/bench_intake.o $(bench_intake),test_libs))
$(eval $(call link,tests/io/test_postgres,tests/io/test_postgres.o $(clinic),test_libs))
$(eval $(call link,tests/io/play_config,tests/io/play_config.o $(play_config),test_libs))
# security keys that are sockets
$(eval $(call link,tests/io/clinicctl-fido-sockets,tests/io/fido_sockets.o $(fido),clinicctl_fido_libs))
$(eval $(call link,tests/io/play_command,tests/io/play_command.o $(play_command),test_libs))
$(eval $(call link,tests/io/play_token,tests/io/play_token.o $(play_token),test_libs))
$(eval $(call link,tests/io/play_hub,tests/io/play_hub.o $(play_hub),test_libs))
$(eval $(call link,tests/io/play_rows,tests/io/play_rows.o $(clinic),test_libs))
$(eval $(call link,tests/io/play_enrol,tests/io/play_enrol.o $(play_enrol),test_libs))
$(eval $(call link,tests/io/play_time,tests/io/play_time.o $(core) $(rt),test_libs))
$(eval $(call link,tests/io/play_days,tests/io/play_days.o $(play_days),test_libs))
$(eval $(call link,tests/io/play_audit,tests/io/play_audit.o $(play_audit),test_libs))
# hub-coap on a board without a clock
hub_coap_old_clock_libs = -Wl,--wrap=clock_gettime $(hub_coap_libs)
$(eval $(call link,tests/io/hub-coap-old-clock,tests/io/old_clock.o $(hub_coap),hub_coap_old_clock_libs))
# every call that changes the disk is caught at link time: power cuts at each of them, and failures of each
explore_wraps := malloc calloc realloc open open64 openat openat64 close read pread pread64 __pread_chk write pwrite pwrite64 \
	ftruncate ftruncate64 fallocate posix_fallocate fsync fdatasync statvfs rename renameat unlink unlinkat mkdir mkdirat rmdir \
	mmap mmap64 wc_RNG_GenerateBlock \
	sqlite3_open_v2 sqlite3_close sqlite3_key sqlite3_exec sqlite3_prepare_v3 sqlite3_step sqlite3_file_control
explore_shared := $(addprefix tests/explore/,record.o disk.o settings.o work_queue.o work_evict.o work_keep.o work_keep_clinic.o work_keep_hub.o work_keep_verify.o work_upgrade.o work_spool.o work_seqblock.o work_store.o work_audit.o work_keys.o) \
	clinic/audit_verify.o $(audit_store) $(store)
explore_libs = $(addprefix -Wl$(comma)--wrap=,$(explore_wraps)) $(core_libs) $(rt_libs) $(db_libs)
$(eval $(call link,tests/explore/explore,$(addprefix tests/explore/,explore.o controls.o cut.o) $(explore_shared),explore_libs))
$(eval $(call link,tests/explore/faults,tests/explore/faults.o $(explore_shared),explore_libs))
# what is confirmed is synced, on both sides: one run of each
$(eval $(call link,tests/explore/test_ack_order,tests/explore/test_ack_order.o $(explore_shared) $(clinic),test_ack_order_libs))
test_ack_order_libs = $(explore_libs) -lpq
# power cuts below the file system, in a guest; and a hub-store with a setting changed behind its back
block := $(addprefix tests/block/,ledger.o peers.o peers_clinic.o) $(core) $(rt) $(crypto)
test_block_libs = $(core_libs) $(rt_libs) $(crypto_libs)
$(eval $(call link,tests/block/record,tests/block/record.o $(block),test_block_libs))
$(eval $(call link,tests/block/replay,$(addprefix tests/block/,replay.o state.o writes.o) $(block),test_block_libs))
block_control_libs = $(addprefix -Wl$(comma)--wrap=,$(filter sqlite3_%,$(explore_wraps))) $(hub_store_libs)
$(eval $(call link,tests/block/hub-store-control,tests/block/control.o tests/explore/settings.o $(hub_store),block_control_libs))
# clinicd with the profile that foreign clients speak
interop_clinicd_libs = -Wl$(comma)--wrap=coap_server_new $(clinicd_libs)
$(eval $(call link,tests/interop/clinicd-dtls12,tests/interop/clinicd_dtls12.o $(clinicd),interop_clinicd_libs))
# ends DTLS for a peer that has none
$(eval $(call link,tests/interop/terminator,tests/interop/terminator.o,crypto_libs))
# our decoders as a filter, to be held against other people's; and their cost
$(eval $(call link,tests/peers/decode_lines,tests/peers/decode_lines.o $(ble_pure) $(core),test_libs))
$(eval $(call link,tests/bench/bench_decode,tests/bench/bench_decode.o $(ble_pure) $(core),test_libs))
$(eval $(call link,tests/io/ble_peer,tests/io/ble_peer.o $(ble_peer),test_libs))
# a bad network between two namespaces, and readings without a radio
net_programs = $(addprefix $(O)/tests/net/,path feed row shift.so)
path_pure := $(addprefix tests/net/,lane.o nat.o packet.o) hub/core/cursor.o
$(eval $(call link,tests/net/path,tests/net/path.o $(path_pure),none))
$(eval $(call link,tests/net/test_path,tests/net/test_path.o $(path_pure),none))
$(eval $(call link,tests/net/feed,tests/net/feed.o ble/backlog.o ble/handover.o $(core) $(rt),test_libs))
$(eval $(call link,tests/net/row,tests/net/row.o $(clinic),test_libs))
$(O)/tests/net/shift.so: tests/net/shift.c | deps
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# a module of a token that is odd
$(O)/tests/io/odd_module.so: tests/io/odd_module.c | deps
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

$(O)/%.o: %.c | deps
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  CC $<"
	$(Q)$(CROSS_COMPILE)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(O) -name '*.d' 2>/dev/null)

# where Debian has the headers, which include each other from there
$(O)/clinic/pkcs11/%.o $(O)/tests/io/odd_module.o $(O)/tests/io/odd_module.so: ALL_CFLAGS += -isystem /usr/include/p11-kit-1

deps: need-build
	$(Q)rootfs/deps/deps.sh build $(ARCH)

# bluetoothd with our patches: rootfs/bluez
bluez: need-build need-bluez
	$(Q)rootfs/bluez/bluez.sh build $(ARCH)

need-%:
	$(Q)rootfs/host/need.sh $*

# ---- checking -------------------------------------------------------------------------------------
FAST := $(addprefix unit/test_,$(UNIT) $(UNIT_COAP)) $(addprefix sim/test_,$(SIM)) $(addprefix io/test_,$(IO)) net/test_path explore/test_ack_order
FAST_SCRIPTS := $(addprefix io/test_,$(addsuffix .py,ble_io ble_attacks ble_garbage ble_outsiders devices bondinfo clinicctl clinicctl_assign clinicctl_claim clinicctl_endpoints clinicctl_help clinicctl_keys clinicctl_label clinicctl_ticket clinicctl_trust door factory_io ticket_io keyfiles setup visit silence store_backends command_io config_io rollover_io clinicctl_config))
FAST_SCRIPTS += io/test_life_io.py io/test_life_kills.py io/test_time_floor.py
FAST_SCRIPTS += io/test_enrol_hub.py
FAST_SCRIPTS += io/test_renewal_io.py io/test_ordered_test.py io/test_root_io.py
FAST_SCRIPTS += io/test_door_orders.py io/test_door_records.py io/test_door_visit.py
FAST_SCRIPTS += io/test_light_io.py
FAST_SCRIPTS += io/test_lockdown_io.py io/test_sealed_io.py
FAST_SCRIPTS += io/test_measure.py io/test_risk.py io/test_console.py
FAST_SCRIPTS += io/test_fido_io.py io/test_pkcs11_io.py
FAST_SCRIPTS += io/test_console_session.py io/test_console_account.py io/test_console_end.py io/test_console_pair.py io/test_console_canaries.py io/test_export_io.py io/test_network_io.py
fast-programs: $(O)/tests/net/feed

fast-programs: all $(addprefix $(O)/tests/,$(FAST) io/hub-coap-old-clock io/play_audit io/play_command io/play_config io/play_token io/play_days io/play_hub io/play_enrol io/play_rows io/play_time io/ble_peer io/test_postgres io/odd_module.so net/shift.so)

# unit, io and sim under ASan and UBSan; leaks are looked for in the programs that may be traced
check-fast: need-build need-check deps
	@echo '== unit, sim, io (address and undefined-behaviour sanitizers)'
	$(Q)$(MAKE) O=$(O)/asan SANITIZE=1 FAILPOINTS=1 fast-programs
	$(Q)ASAN_OPTIONS=detect_leaks=0 tests/run.sh $(O)/asan $(FAST) $(FAST_SCRIPTS)

# what is left in memory when the share is withheld: without sanitizers, whose mlock() does nothing
check-lock: need-build need-check all
	@echo '== memory after a lock'
	$(Q)$(MAKE) $(O)/tests/io/test_lock_memory
	$(Q)$(O)/tests/io/test_lock_memory

# the decoders and libraries in Python, the same values to both
check-peers: need-build need-peers deps
	@echo '== decoders against libraries of other people'
	$(Q)tests/peers/libraries.sh install
	$(Q)$(MAKE) $(O)/tests/peers/decode_lines
	$(Q)tests/peers/compare.py $(O)/tests/peers/decode_lines

# our two ends against DTLS, CoAP and CBOR of other people
check-interop: need-build need-interop all
	@echo '== uploads to and from peers that nobody here wrote'
	$(Q)$(MAKE) $(addprefix $(O)/tests/interop/,clinicd-dtls12 terminator) $(O)/tests/io/play_enrol $(O)/tests/io/clinicctl-fido-sockets
	$(Q)$(MAKE) O=$(O)/failpoints FAILPOINTS=1 $(O)/failpoints/tests/interop/clinicd-dtls12
	$(Q)tests/interop/peers.sh build
	$(Q)tests/interop/interop.py $(O)

# each process killed at each step; the clinic set back to an older backup
check-kills: need-build need-check deps
	@echo '== every process killed at every step of the path'
	$(Q)$(MAKE) O=$(O)/failpoints FAILPOINTS=1 all $(O)/failpoints/tests/io/ble_peer
	$(Q)/usr/bin/python3 tests/system/test_kills.py $(O)/failpoints
	$(Q)/usr/bin/python3 tests/system/test_restore.py $(O)/failpoints

# the store after power cuts and failing calls: a sample; 'check-all' has the whole
check-explore: need-build need-check deps
	@echo '== the store after every kind of power cut, with controls that must lose data'
	$(Q)$(MAKE) $(addprefix $(O)/,$(store) $(audit_store)) $(O)/tests/explore/explore $(O)/tests/explore/faults
	$(Q)tests/explore/imports.sh '$(explore_wraps)' $(addprefix $(O)/,$(sort $(store) $(audit_store))) $(DEPS)/lib/libsqlcipher.a
	$(Q)$(O)/tests/explore/explore
	$(Q)$(O)/tests/explore/faults --thin 4

.PHONY: check-swarm
# each reading once and acknowledged means durable, at the clinic: hubs by the hundred, clinicd killed every five seconds,
# on SQLCipher and on PostgreSQL with a failover. A sample, all at once; SWARM=full has 500 hubs with 50 readings each
check-swarm: need-build need-check all
	@echo '== a swarm of hubs against clinicd: killed and started again'
	$(Q)$(MAKE) $(O)/tests/swarm/swarm
	$(Q)printf '%s\n' test_alone.py test_storm.py test_held.py 'test_cluster.py run' 'test_cluster.py control' | \
		SWARM=$(SWARM) xargs -P $(if $(filter full,$(SWARM)),1,4) -I TEST sh -c \
		'set -- TEST; name=$$1; shift; exec /usr/bin/python3 tests/swarm/$$name $(O) "$$@"'

.PHONY: check-net
# bad networks with real processes, in network namespaces. NET=full: every scenario, the long form
NET ?= quick
check-net: need-build need-check all $(net_programs)
	@echo '== the hub and its clinic over bad networks'
	$(Q)/usr/bin/python3 tests/net/check_net.py $(O) $(NET) || [ $$? = 77 ]

# power cuts below the file system: the real hub-store on ext4, its block writes recorded and cut off in a guest kernel
check-block: need-build need-block deps
	@echo '== power cuts at block level: the real hub-store on ext4, with controls that must lose data'
	$(Q)$(MAKE) $(O)/hub-store $(addprefix $(O)/tests/block/,record replay hub-store-control)
	$(Q)tests/block/block.sh $(O)

# SQLCipher's own tests with our crypto provider, and files exchanged with stock ones
check-sqlcipher: need-build need-sqlcipher deps
	@echo "== SQLCipher's own tests on wolfCrypt, files exchanged with SQLCipher on OpenSSL"
	$(Q)tests/sqlcipher/build.sh build
	$(Q)tests/sqlcipher/suite.sh $(O)
	$(Q)tests/sqlcipher/exchange.sh $(O)

# where the root secret comes from: a credential under the host's key and under a TPM 2.0 (swtpm), board memory
check-root: need-image need-tpm all image
	@echo '== the root secret in the device: TPM, host key, board, and none of them'
	$(Q)/usr/bin/python3 tests/system/test_root.py $(O)

# all that 'check' samples, and what it leaves out; half an hour more
check-all: check check-root check-sqlcipher
	$(Q)tests/block/block.sh $(O) --states 2000 --seed $$(date +%s)
	$(Q)$(O)/tests/explore/explore --states 120000
	$(Q)$(O)/tests/explore/faults
	$(Q)$(MAKE) check-net NET=full
	$(Q)$(MAKE) check-swarm SWARM=full
	$(Q)$(MAKE) check-early EARLY=100

# the device: image in QEMU, real bluetoothd, emulated cuff
check-system: need-image all image
	@echo '== the device in QEMU: real bluetoothd, emulated cuff, clinic on this machine'
	$(Q)/usr/bin/python3 tests/system/test_system.py $(O)
	$(Q)/usr/bin/python3 tests/system/test_bluetoothd_restart.py --build $(O)
	@echo '== what is closed in the device: packets, ports, kernel, processes'
	$(Q)/usr/bin/python3 tests/system/test_closed.py $(O)
	@echo '== what hub-measure finds in the device: nothing, and what is planted'
	$(Q)/usr/bin/python3 tests/system/test_measure.py $(O)
	@echo '== the hub locks itself, and a technician releases it, while readings go on'
	$(Q)/usr/bin/python3 tests/system/test_lockdown.py $(O)
	@echo '== what ends level 2, half an hour later'
	$(Q)/usr/bin/python3 tests/system/test_release.py $(O)
	@echo '== what the clinic does not have, on a USB stick'
	$(Q)/usr/bin/python3 tests/system/test_stick.py $(O)
	@echo '== the light on a LED of the kernel'
	$(Q)/usr/bin/python3 tests/system/test_light.py $(O)
	@echo '== every home device, through a real bluetoothd'
	$(Q)/usr/bin/python3 tests/system/test_profiles.py $(O)
	@echo '== from the factory image to the first reading, a reset, a second life'
	$(Q)/usr/bin/python3 tests/system/test_factory.py $(O)

# connections of a cuff that indicates at once
EARLY ?= 30
check-early: need-image all image
	@echo '== $(EARLY) indications at once after encryption'
	$(Q)/usr/bin/python3 tests/system/test_early.py $(O) $(EARLY)

# attacks over the air, from other users and from services taken over, in the guest
check-attacks: need-image all image
	@echo '== attacks on the device'
	$(Q)/usr/bin/python3 tests/system/test_ble_attacks.py $(O)

image: need-image
	$(Q)rootfs/image/twin.sh build >/dev/null

check:
	$(Q)start=$$(date +%s); set -e; \
	for step in all image check-fast check-lock check-peers check-explore check-kills check-net check-swarm check-interop check-system check-early check-attacks fuzz-replay lint; do $(MAKE) $$step; done; \
	echo; echo "Everything holds: $$(( ($$(date +%s) - start) / 60 )) minutes."

demo: need-image all image
	$(Q)/usr/bin/python3 tests/system/demo.py --build $(O) --devices '$(DEVICES)'

# ---- measuring ------------------------------------------------------------------------------------
bench_cipher := $(db) $(core) $(rt) $(crypto)
$(eval $(call link,tests/bench/bench_cipher,tests/bench/bench_commit.o $(bench_cipher),test_libs))
bench_store := $(store)
$(eval $(call link,tests/bench/bench_store,tests/bench/bench_store.o $(bench_store),test_libs))
$(eval $(call link,tests/bench/bench_backlog,tests/bench/bench_backlog.o $(bench_store),test_libs))

# the same source on plain SQLite, and on SQLCipher with OpenSSL
bench_db := tests/bench/bench_commit.c storage/db.c storage/db_stmt.c storage/secret.c
bench_db_objects = $(addprefix $(O)/,$(core) $(rt) $(crypto))
$(O)/tests/bench/bench_plain: $(bench_db) | deps $(bench_db_objects)
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) -DBENCH_PLAIN $(ALL_LDFLAGS) -o $@ $^ $(bench_db_objects) \
		$(DEPS)/lib/libsqlite3plain.a $(core_libs) $(rt_libs) $(crypto_libs)

$(O)/tests/bench/bench_openssl: $(bench_db) tests/bench/sqlcipher_openssl.sh | deps $(bench_db_objects)
	$(Q)mkdir -p $(@D)
	$(Q)tests/bench/sqlcipher_openssl.sh build $(DEPS)
	@[ "$(V)" = 1 ] || echo "  LD $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(bench_db) $(bench_db_objects) \
		$$(tests/bench/sqlcipher_openssl.sh path $(DEPS))/libsqlcipher-openssl.a -lcrypto $(core_libs) $(rt_libs) $(crypto_libs)

bench_programs := bench_cipher bench_decode bench_drain bench_ingest bench_ingest_server bench_intake bench_openssl bench_plain bench_store bench_backlog bench_sessions bench_wire

# figures with their targets, then all of them as one table. BENCH=short: fewer rounds, a tenth of the backlog
bench: need-build need-check need-bench all $(O)/tests/io/ble_peer $(net_programs) $(addprefix $(O)/tests/bench/,$(bench_programs)) need-interop $(O)/tests/interop/clinicd-dtls12
	$(Q)tests/bench/bench.sh $(O)

help:
	@echo 'make demo         the whole path once: cuff, hub in QEMU, network cut, clinic'
	@echo '                  DEVICES=cuff,glucometer,oximeter,scale,thermometer,cgm,strap,ghs: those, one by one'
	@echo 'make check        all that CI runs; installs what it needs (somewhat under an hour)'
	@echo 'make check-fast   unit, sim and io tests, under sanitizers (about a quarter of an hour when all is built anew)'
	@echo 'make check-explore  the store after power cuts and failing calls; make check-all  120,000 of them'
	@echo 'make check-block  power cuts below the file system, in a guest kernel; make check-sqlcipher  its own tests, on our crypto'
	@echo 'make check-swarm  hubs by the hundred against clinicd, on both stores, with kills and a failover; SWARM=full: 500 hubs'
	@echo 'make check-kills  each process killed at each step; make check-system  the device in QEMU'
	@echo 'make check-net    the hub and its clinic over bad networks; NET=full takes half an hour, NET=loss one of them'
	@echo 'make check-peers  the decoders against libraries of other people'
	@echo 'make check-interop  uploads to and from Californium and others, over DTLS'
	@echo 'make check-attacks  attacks in the device: impostors, other users, a hub-ble taken over'
	@echo 'make check-early  a cuff that indicates at once after encryption, EARLY times (30)'
	@echo 'make lint         formatting, warnings of two compilers, analysers, what is linked where'
	@echo 'make fuzz         every parser, FUZZ_SECONDS each (60)'
	@echo 'make bench        figures with their targets, beside those of others; BENCH=short takes three minutes'
	@echo 'make              the programs, into build/ (O= another folder, V=1 shows commands)'
	@echo 'make image        the amd64 twin of the device image, for QEMU'
	@echo 'make install      DESTDIR= PREFIX=; install-hub and install-clinic do one side'
	@echo 'make deps         the pinned libraries; for arm64: make deps CROSS_COMPILE=aarch64-linux-gnu-'
	@echo 'make clean        removes build/'

# ---- lint -----------------------------------------------------------------------------------------
# all that we compile, for its warnings
everything: all $(patsubst %.c,$(O)/%.o,$(wildcard tests/*/*.c))

lint: need-build need-check deps
	$(Q)LINT_PURE='$(core) $(measure_pure) $(console_pure) $(network_pure) $(ble_pure) $(bondinfo_pure) $(store_pure) $(coap_pure) $(hubd_pure) clinic/enrolment.o clinic/filing.o clinic/life.o clinic/ticket_row.o coap/block_body.o' tests/lint.sh $(O) $(DEPS)

# ---- fuzz -----------------------------------------------------------------------------------------
# one line says what each target is made of; corpus: tests/fuzz/corpus/<target>
decoder_fuzz := bcs bls cgm clock dis elapsed ghs gls hrs hts plx racp segment stream uds wss
$(foreach t,$(decoder_fuzz),$(eval fuzz_$(t) := $$(ble_pure) $$(core)))
fuzz_bondinfo := $(bondinfo_pure) $(core)
fuzz_config := $(core)
fuzz_command := hub/command.o $(core)
# with its files and a disk that fails
fuzz_lockdown := $(hubd_parts)
fuzz_cose := $(core)
fuzz_fido := clinic/fido_file.o clinic/fido_talk.o clinic/talk.o $(clinic)
fuzz_pkcs11 := clinic/files.o clinic/pkcs11_file.o clinic/pkcs11_talk.o clinic/talk.o $(core) $(rt)
fuzz_certs_only := $(core)
fuzz_csr := hub/crypto/csr.o $(core) $(crypto)
fuzz_manifest := $(core)
fuzz_console_account := hub/accounts.o $(core)
fuzz_label := $(core)
fuzz_msg := $(core)
fuzz_network := $(network_pure) hub/network_trial.o $(core)
fuzz_peripherals := hub/fence.o hub/peripherals.o hub/window.o hub/command.o hub/lockdown.o hub/trigger.o hub/trigger_bucket.o hub/triggers.o hub/triggers_file.o $(core) $(rt) $(crypto)
fuzz_reading := $(core)
fuzz_status := $(core)
fuzz_ticket := $(core)
fuzz_token := $(core)
fuzz_trust := $(core)
fuzz_evidence := $(core)
fuzz_snapshot := $(core)
fuzz_stick := $(core)
fuzz_enrol_words := $(coap_pure) $(core)
fuzz_trusted := $(hubd_parts)
fuzz_trust_cross := $(addprefix hub/crypto/,trust_cross.o trust_sign.o) $(core) $(crypto)
fuzz_risk := $(risk) clinic/json.o $(core) $(crypto)
fuzz_procfs := $(measure_pure) $(core)
fuzz_drops := hub/measure/drops.o $(measure_pure) $(core) $(rt)
fuzz_console := $(console_pure) $(core)
fuzz_door := $(door) coap/identity.o $(clinic)
fuzz_reply := $(coap_pure) $(core)
fuzz_forward := $(coap_pure) $(core)
fuzz_fetch := $(coap_pure) $(core)
fuzz_config_text := $(config_text)
fuzz_slots := storage/slots.o $(core)
fuzz_identity := coap/identity_file.o $(core) $(crypto)
fuzz_recovery := storage/recovery.o $(core) $(crypto)
fuzz_audit_record := $(core)
fuzz_audit_log := $(audit_clinic) $(core) $(rt) $(crypto)
fuzz_spool := storage/spool_format.o $(core)
fuzz_btree := storage/btree.o $(core)
fuzz_ranges := storage/ranges.o storage/crc32.o $(core)
fuzz_upload := $(clinic)
fuzz_coap_record := $(coap_shared)
fuzz_coap_pdu := coap/block.o coap/block_body.o coap/replies.o coap/respond.o coap/requests.o $(coap_pure) $(coap_shared)
fuzz_packet := tests/net/nat.o tests/net/packet.o $(core)
FUZZ_LIBCOAP := coap_pdu coap_record
FUZZ := $(decoder_fuzz) console audit_log audit_record bondinfo btree certs_only command config cose forward label lockdown msg packet peripherals ranges reading recovery reply slots spool status ticket token trust upload manifest console_account network $(FUZZ_LIBCOAP) csr config_text door fetch identity evidence snapshot procfs drops risk enrol_words trust_cross trusted fido
# libcoap as the fuzzer wants it, in the place of the one that the programs have
fuzz_libcoap = $(shell tests/fuzz/libcoap.sh path $(DEPS))/libcoap-fuzz.a
fuzz_libcoap_libs = $(core_libs) $(rt_libs) $(fuzz_libcoap) $(crypto_libs)
FUZZ_SECONDS ?= 60
FUZZ += pkcs11

$(foreach t,$(filter-out $(FUZZ_LIBCOAP),$(FUZZ)),$(eval $(call link,tests/fuzz/fuzz_$(t),tests/fuzz/fuzz_$(t).o $(fuzz_$(t)),test_libs)))
$(foreach t,$(FUZZ_LIBCOAP),$(eval $(call link,tests/fuzz/fuzz_$(t),tests/fuzz/fuzz_$(t).o $(fuzz_$(t)),fuzz_libcoap_libs)))
fuzz-programs: $(addprefix $(O)/tests/fuzz/fuzz_,$(FUZZ))

fuzz-build: need-build need-check deps
	$(Q)tests/fuzz/libcoap.sh build $(DEPS)
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

install-hub: $(addprefix $(O)/,hub-ble hub-bondinfo hub-store hub-store-reset hub-coap hub-setup hubd hub-measure hub-console hub-network) bluez
	rootfs/install.sh '$(DESTDIR)'
	install -d $(LIBEXEC)
	install -s $(filter $(O)/%,$^) $$(rootfs/bluez/bluez.sh path $(ARCH))/bluetoothd $(LIBEXEC)
	install -d $(DESTDIR)$(PREFIX)/lib/hub
	$(Q){ $(foreach p,$(notdir $(filter $(O)/%,$^)),echo $(p) $(notdir $(filter %.a,$($(call under,$(p))_libs)));) } >$(DESTDIR)$(PREFIX)/lib/hub/linked

install-clinic: $(addprefix $(O)/,clinicd clinicctl clinicctl-fido clinicctl-pkcs11)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8
	install -s $(O)/clinicd $(O)/clinicctl $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/libexec/clinic
	install -s $(O)/clinicctl-fido $(O)/clinicctl-pkcs11 $(DESTDIR)$(PREFIX)/libexec/clinic
	install -m644 clinic/clinicctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -D -m644 clinic/clinicctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/clinicctl
	install -m644 clinic/clinicd.8 hub/console/hub-console.8 $(DESTDIR)$(PREFIX)/share/man/man8/

clean:
	rm -rf build out

.PHONY: all bench bluez check check-all check-attacks check-early check-explore check-fast check-interop check-kills check-lock check-peers check-root check-system demo deps fast-programs help image everything lint fuzz fuzz-build fuzz-programs fuzz-replay install install-hub install-clinic clean check-block check-sqlcipher
