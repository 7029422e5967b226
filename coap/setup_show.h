#pragma once

/*
 * setup_show.h - the label as text, for a terminal or a journal.
 */
#include <stdint.h>
#include <stdio.h>

#include "hub/core/label.h"

/* setup_show_qr - the label's QR code, two rows of it in each line, dark on light. Returns 0, or -EIO: not made. */
int setup_show_qr(FILE *to, const uint8_t spki[static LABEL_HASH_LEN]);
