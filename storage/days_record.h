#pragma once

/*
 * days_record.h - the manifest that is due (days.h), signed and sealed, as a record of the queue.
 */
#include "hub/crypto/crypto.h"
#include "storage/days.h"
#include "storage/intake.h"

/*
 * days_record_make - ready for queue_insert under the number now->highest + 1.
 *
 * target        under what it is sealed, as a reading; its assignment is that of the day
 * sign_private  the key that signs batches
 * given_up      as days_manifest
 * body          receives the sealed manifest; the entry borrows it
 * ret_entry     class routine, kind READING_MANIFEST, capture 0: no value of hub-ble
 * ret_after     what persists in the transaction of the insertion (days_last_encode)
 *
 * Returns 0, -EIO (the crypto library), or -ERANGE (a number or day out of all bounds).
 */
int days_record_make(const struct days_last *last, const struct days_now *now,
		     const struct intake_target *target,
		     const uint8_t sign_private[static P256_PRIVATE_LEN],
		     const struct manifest_given_up *given_up,
		     uint8_t body[static SEALED_BODY_MAX], struct queue_entry *ret_entry,
		     struct days_last *ret_after);
