/*
 * err.c - words for the error numbers of err.h.
 */
#include "hub/core/err.h"

const char *err_text(int err)
{
	switch (-err) {
	case 0: return "no error";
	case EBADMSG: return "bytes do not parse";
	case EMSGSIZE: return "wrong length";
	case ERANGE: return "value not allowed";
	case ENOTSUP: return "not supported";
	case EKEYREJECTED: return "signature, seal or identity is wrong";
	case ESTALE: return "older than what is held";
	case EACCES: return "not permitted";
	case ENOSPC: return "no space or limit reached";
	case EAGAIN: return "not now, try later";
	case ENOENT: return "absent";
	case EPROTO: return "peer broke the protocol";
	case EIO: return "input or output failed";
	case ENOMEM: return "out of memory";
	case EEXIST: return "exists already";
	case ECONNRESET: return "connection lost, outcome unknown";
	}
	return "unknown error";
}
