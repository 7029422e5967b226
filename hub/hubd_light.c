/*
 * hubd_light.c - the indicator on the board: lamps in their pattern, notes, words; and the file 'light' for programs.
 */
#include "hub/hubd_inside.h"

#include <stdio.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/core/label.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

void hubd_open_light(struct hubd *h)
{
	h->light.note_ends = MONO_NEVER;
	board_open(&h->light.board, h->options.board_dir);
}

void hubd_close_light(struct hubd *h)
{
	board_close(&h->light.board);
}

/* What passes is in neither: a reading would cost three more writes to the disk. */
static void tell_lasting(struct hubd *h, const char *code, struct mono now)
{
	enum indicator_light l = indicator_lasting(&h->indicator, now);
	char text[INDICATOR_TEXT_MAX];
	int r;

	if (l == h->light.lasting)
		return;
	h->light.lasting = l;
	snprintf(text, sizeof(text), "%s%s%s", indicator_text(l),
		 l == LIGHT_CODE ? " " : "", l == LIGHT_CODE ? code : "");
	log_info("light", "state=%s", text);
	r = file_replace(h->options.state_dir, "light", (const uint8_t *)text,
			 strlen(text));
	if (r)
		log_warn("light-file", "error=\"%s\"", err_text(r));
}

static void say(struct hubd *h, enum indicator_light l, const char *code, struct mono now)
{
	char words[INDICATOR_WORDS_MAX];

	indicator_words(&h->indicator, l, code, now, words);
	if (strcmp(words, h->light.words) == 0 || (l == LIGHT_NEEDS_YOU && !words[0]))
		return;
	memcpy(h->light.words, words, sizeof(words));
	board_say(&h->light.board, words);
}

/* Returns when the lamps change next. */
static struct mono light_up(struct hubd *h, enum indicator_light l, const char *code,
			    bool quiet, struct mono now)
{
	struct hubd_light *s = &h->light;
	uint64_t next;
	bool on;

	if (l != s->shown) {
		s->shown = l;
		s->since = now;
		pattern_make(l, code, &s->pattern);
	}
	on = pattern_is_on(&s->pattern, mono_since(now, s->since), &next);
	board_show(&s->board, on ? s->pattern.colour : COLOUR_NONE,
		   quiet ? BOARD_DIM : BOARD_FULL);
	return next == UINT64_MAX || s->board.there == 0 ? MONO_NEVER
							 : mono_add(s->since, next);
}

static void begin_notes(struct hubd *h, enum indicator_sound sound, struct mono now)
{
	struct hubd_light *s = &h->light;

	if (sound == SOUND_NONE || !board_plays(&s->board, sound))
		return;
	s->notes = pattern_notes(sound, &s->note);
	s->note_ends = mono_add(now, s->note->ms);
	board_tone(&s->board, s->note->hz);
}

/* A note has ended: the next one, or silence. */
static void play_on(struct hubd *h, struct mono now)
{
	struct hubd_light *s = &h->light;

	if (!mono_reached(now, s->note_ends))
		return;
	s->note++;
	if (--s->notes > 0) {
		s->note_ends = mono_add(now, s->note->ms);
		board_tone(&s->board, s->note->hz);
	} else {
		s->note_ends = MONO_NEVER;
		board_tone(&s->board, 0);
	}
}

static struct mono first_of(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

void hubd_show_light(struct hubd *h)
{
	struct mono now = rt_mono(), at;
	bool quiet = plan_is_quiet(&h->plan, now);
	char code[LABEL_CODE_MAX];
	enum indicator_light l;

	label_code(h->settings.config.hub, code);
	indicator_on_level(&h->indicator, orders_level(&h->orders));
	indicator_on_console(&h->indicator, session_is_open(&h->console.session));
	l = indicator_step(&h->indicator, quiet, now);
	tell_lasting(h, code, now);
	say(h, l, code, now);
	at = light_up(h, l, code, quiet, now);
	play_on(h, now);
	begin_notes(h, indicator_sound(&h->indicator), now);
	at = first_of(at, h->light.note_ends);
	rt_timer_set(h->light_timer,
		     first_of(at, indicator_deadline(&h->indicator, now)));
}
