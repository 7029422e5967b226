#pragma once

/*
 * json.h - what the outputs in JSON share, on cJSON. Lack of memory ends the program:
 * half an object must not be printed as a whole one.
 */
#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

cJSON *json_object(void);
void json_text(cJSON *o, const char *name, const char *text);
/* All 64 bits, without passing through a double. */
void json_int(cJSON *o, const char *name, int64_t v);
void json_uint(cJSON *o, const char *name, uint64_t v);
void json_bool(cJSON *o, const char *name, int v);
void json_null(cJSON *o, const char *name);
/* digits is a JSON number already. */
void json_number(cJSON *o, const char *name, const char *digits);
void json_hex(cJSON *o, const char *name, const uint8_t *p, size_t n);
/* A new array or object inside o; owned by o. */
cJSON *json_array_in(cJSON *o, const char *name);
cJSON *json_object_in(cJSON *o, const char *name);
/* A new object at the end of an array; owned by it. */
cJSON *json_item(cJSON *array);
void json_text_item(cJSON *array, const char *text);
/* Prints o on one line of stdout and frees it. */
void json_print(cJSON *o);
