#pragma once

/*
 * inherited.h - files and sockets that the service manager has opened before us and handed over by name (sd_listen_fds(3)).
 */

/* inherited_fd - the descriptor of that name, or -1: none was handed over. Whoever asks first takes it. */
int inherited_fd(const char *name);
