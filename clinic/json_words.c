/*
 * json_words.c - see json_words.h.
 */
#include "clinic/json_words.h"

#include "clinic/words.h"

void json_time(cJSON *o, const char *name, int64_t ms)
{
	char text[WORDS_TIME_MAX];

	if (ms)
		json_text(o, name, words_time(ms, 0, true, text));
	else
		json_null(o, name);
}

void json_text_if(cJSON *o, const char *name, const char *text)
{
	if (*text)
		json_text(o, name, text);
	else
		json_null(o, name);
}
