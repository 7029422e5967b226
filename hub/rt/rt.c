/*
 * rt.c - the loop on libuv; see rt.h. libuv's memory is released in close callbacks only.
 */
#include "hub/rt/rt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/rt/loop.h"

/* A drifting or suspended monotonic clock is looked at again at least this often. */
enum { TIMER_LONGEST_MS = 3600 * 1000 };

struct rt {
	uv_loop_t loop;
	uv_signal_t term, interrupt;
};

struct rt_timer {
	uv_timer_t uv;
	struct mono at;
	rt_timer_fn *fn;
	void *arg;
};

struct rt_fd {
	uv_poll_t uv;
	rt_fd_fn *fn;
	void *arg;
	bool closed;
};

/* Start-up and loop bookkeeping only: without it there is nothing to run. */
static void must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "<2>loop: %s: %s, process ends\n", what, uv_strerror(r));
	abort();
}

static void *must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		must(UV_ENOMEM, "memory");
	return p;
}

static void on_signal(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

struct rt *rt_new(void)
{
	struct rt *rt = must_alloc(sizeof(*rt));

	signal(SIGPIPE, SIG_IGN);
	must(uv_loop_init(&rt->loop), "init");
	must(uv_signal_init(&rt->loop, &rt->term), "signal");
	must(uv_signal_init(&rt->loop, &rt->interrupt), "signal");
	must(uv_signal_start(&rt->term, on_signal, SIGTERM), "signal");
	must(uv_signal_start(&rt->interrupt, on_signal, SIGINT), "signal");
	uv_unref((uv_handle_t *)&rt->term);
	uv_unref((uv_handle_t *)&rt->interrupt);
	return rt;
}

uv_loop_t *rt_loop(struct rt *rt)
{
	return &rt->loop;
}

void rt_run(struct rt *rt)
{
	uv_run(&rt->loop, UV_RUN_DEFAULT);
}

void rt_stop(struct rt *rt)
{
	uv_stop(&rt->loop);
}

void rt_free(struct rt *rt)
{
	if (!rt)
		return;
	uv_close((uv_handle_t *)&rt->term, NULL);
	uv_close((uv_handle_t *)&rt->interrupt, NULL);
	uv_run(&rt->loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&rt->loop), "a watch or timer was not freed");
	free(rt);
}

static void on_timer(uv_timer_t *uv)
{
	struct rt_timer *t = uv->data;

	if (!mono_reached(rt_mono(), t->at)) {
		rt_timer_set(t, t->at);
		return;
	}
	t->at = MONO_NEVER;
	t->fn(t->arg);
}

struct rt_timer *rt_timer_new(struct rt *rt, rt_timer_fn *fn, void *arg)
{
	struct rt_timer *t = must_alloc(sizeof(*t));

	must(uv_timer_init(&rt->loop, &t->uv), "timer");
	t->uv.data = t;
	t->at = MONO_NEVER;
	t->fn = fn;
	t->arg = arg;
	return t;
}

void rt_timer_set(struct rt_timer *t, struct mono at)
{
	uint64_t wait;

	t->at = at;
	if (at.ms == UINT64_MAX) {
		uv_timer_stop(&t->uv);
		return;
	}
	wait = mono_since(at, rt_mono());
	uv_update_time(t->uv.loop);
	must(uv_timer_start(&t->uv, on_timer,
			    wait < TIMER_LONGEST_MS ? wait : TIMER_LONGEST_MS, 0),
	     "timer");
}

static void timer_closed(uv_handle_t *h)
{
	free(h->data);
}

void rt_timer_free(struct rt_timer *t)
{
	if (t)
		uv_close((uv_handle_t *)&t->uv, timer_closed);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct rt_fd *f = uv->data;
	int what = 0;

	if (f->closed)
		return;
	if (status < 0 || events & (UV_READABLE | UV_DISCONNECT))
		what |= RT_READ; /* the reader will find the error or the end */
	if (events & UV_WRITABLE)
		what |= RT_WRITE;
	f->fn(f->arg, what);
}

void rt_fd_set(struct rt_fd *f, int events)
{
	int uv = (events & RT_READ ? UV_READABLE : 0) |
		 (events & RT_WRITE ? UV_WRITABLE : 0);

	if (uv)
		must(uv_poll_start(&f->uv, uv, on_poll), "poll");
	else
		must(uv_poll_stop(&f->uv), "poll");
}

struct rt_fd *rt_fd_new(struct rt *rt, int fd, int events, rt_fd_fn *fn, void *arg)
{
	struct rt_fd *f = must_alloc(sizeof(*f));

	must(uv_poll_init(&rt->loop, &f->uv, fd), "poll");
	f->uv.data = f;
	f->fn = fn;
	f->arg = arg;
	rt_fd_set(f, events);
	return f;
}

static void fd_closed(uv_handle_t *h)
{
	free(h->data);
}

void rt_fd_free(struct rt_fd *f)
{
	if (!f)
		return;
	f->closed = true;
	uv_poll_stop(&f->uv);
	uv_close((uv_handle_t *)&f->uv, fd_closed);
}
