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
core := $(addprefix hub/core/,batch.o cbor.o config.o cose.o cursor.o decimal.o envelope.o err.o \
	msg.o reading.o time.o)
core_libs := -lcbor
# the loop, messages between processes, log
rt := $(addprefix hub/rt/,clock.o failpoint.o file.o ipc.o log.o notify.o options.o rt.o sandbox.o)
rt_libs := -luv
# the door to wolfCrypt
crypto := $(addprefix hub/crypto/,crypto.o p256.o seal.o)
crypto_libs = $(DEPS)/lib/libwolfssl.a -lm

# the door to SQLCipher
db := storage/db.o storage/db_stmt.o storage/sqlcipher_wolf.o
db_libs = $(DEPS)/lib/libsqlcipher.a $(crypto_libs)

hubd := hub/main.o hub/settings.o hub/indicator.o $(core) $(rt) $(crypto)
hubd_libs = $(core_libs) $(rt_libs) $(crypto_libs)

PROGRAMS := hubd

# ---- building -------------------------------------------------------------------------------------
define program
$(O)/$(1): $(addprefix $(O)/,$($(2)))
	$$(Q)mkdir -p $$(@D)
	@[ "$(V)" = 1 ] || echo "  LD $$@"
	$$(Q)$(CROSS_COMPILE)$(CC) $$(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $$($(2)_libs)
endef

all: $(addprefix $(O)/,$(PROGRAMS))

$(foreach p,$(PROGRAMS),$(eval $(call program,$(p),$(subst -,_,$(p)))))

$(O)/%.o: %.c | deps
	$(Q)mkdir -p $(@D)
	@[ "$(V)" = 1 ] || echo "  CC $<"
	$(Q)$(CROSS_COMPILE)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(O) -name '*.d' 2>/dev/null)

deps:
	$(Q)rootfs/deps/deps.sh build $(ARCH)

clean:
	rm -rf build out

.PHONY: all deps clean
