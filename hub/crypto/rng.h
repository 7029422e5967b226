#pragma once

/*
 * rng.h - the process's one wolfCrypt generator, for the files of this folder and for certificate making.
 */
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/random.h>

/* Valid between crypto_init and crypto_done; aborts outside. */
struct WC_RNG *crypto_rng(void);
