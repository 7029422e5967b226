#pragma once

/*
 * json_words.h - what the outputs in JSON say in the same way as those for people: times, and what there may be none of.
 */
#include "clinic/json.h"

/* RFC 3339 in UTC; null if ms is 0: never. */
void json_time(cJSON *o, const char *name, int64_t ms);
/* null if it is empty. */
void json_text_if(cJSON *o, const char *name, const char *text);
