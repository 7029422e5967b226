#pragma once

/*
 * person_folder.h - what a person has who asks a clinic from elsewhere, as 'clinicctl person add' makes it:
 *
 *   door.conf                  where clinicd's door is: name, address, port, as in conf.h
 *   root.crt                   the clinic's root, PEM
 *   person.key, person.crt     who this is, PEM; the key may be encrypted (keyfile.h)
 */
#include <stdint.h>

#include "clinic/folder.h"
#include "clinic/wire.h"

/*
 * person_folder_connect - to clinicd, and prove each other.
 *
 * limit_s   for each step, and later for each answer
 *
 * Returns 0 with both, to be freed in the order wire, tls; or an error with words in why, and what was made.
 */
int person_folder_connect(const char *dir, unsigned limit_s, struct wire_tls **ret_tls,
			  struct wire **ret_wire, char why[static FOLDER_WHY_MAX]);
