/*
 * json.c - see json.h.
 */
#include "clinic/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"

/* abort, not exit: what is printed so far stays incomplete visibly. */
static cJSON *need(cJSON *item)
{
	if (!item)
		abort();
	return item;
}

cJSON *json_object(void)
{
	return need(cJSON_CreateObject());
}

void json_text(cJSON *o, const char *name, const char *text)
{
	need(cJSON_AddStringToObject(o, name, text));
}

void json_number(cJSON *o, const char *name, const char *digits)
{
	need(cJSON_AddRawToObject(o, name, digits));
}

void json_int(cJSON *o, const char *name, int64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, v);
	json_number(o, name, digits);
}

void json_uint(cJSON *o, const char *name, uint64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, v);
	json_number(o, name, digits);
}

void json_bool(cJSON *o, const char *name, int v)
{
	need(cJSON_AddBoolToObject(o, name, v));
}

void json_null(cJSON *o, const char *name)
{
	need(cJSON_AddNullToObject(o, name));
}

void json_hex(cJSON *o, const char *name, const uint8_t *p, size_t n)
{
	char *text = malloc(2 * n + 1);

	if (!text)
		abort();
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	json_text(o, name, text);
	free(text);
}

cJSON *json_array_in(cJSON *o, const char *name)
{
	return need(cJSON_AddArrayToObject(o, name));
}

cJSON *json_object_in(cJSON *o, const char *name)
{
	return need(cJSON_AddObjectToObject(o, name));
}

cJSON *json_item(cJSON *array)
{
	cJSON *o = json_object();

	if (!cJSON_AddItemToArray(array, o))
		abort();
	return o;
}

void json_text_item(cJSON *array, const char *text)
{
	if (!cJSON_AddItemToArray(array, need(cJSON_CreateString(text))))
		abort();
}

void json_print(cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	if (!text)
		abort();
	puts(text);
	crypto_wipe(text, strlen(text));
	cJSON_free(text);
	cJSON_Delete(o);
}
