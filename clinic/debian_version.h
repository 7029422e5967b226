#pragma once

/*
 * debian_version.h - which of two versions of a Debian package is the newer one. Pure.
 */

/*
 * debian_version_compare - [epoch:]upstream[-revision], as Debian Policy 5.6.12 orders them; any text is taken.
 *
 * Returns a number below, equal to, or above 0.
 */
int debian_version_compare(const char *a, const char *b);
