// SPDX-License-Identifier: MIT OR Apache-2.0
// Two levels of nesting and an anonymous struct.
// case zero: => live 2 4 6; dead 1 3 5
// case deep: cfg.net.tcp.port=443 => live 1 4 6; dead 2 3 5
// case anon: cfg.depth=3 cfg.net.limit=9 => live 2 3 5; dead 1 4 6

#include "pattern.h"

struct config {
	bool on;
	struct {
		struct { __u16 port; __u8 retries; } tcp;
		__u32 limit;
	} net;
	struct { __u8 depth; };
};

VAR(struct config, cfg);

PROGRAM
{
	if (cfg.net.tcp.port == 443)
		mark(1);
	else
		mark(2);
	if (cfg.net.limit > 8)
		mark(3);
	else
		mark(4);
	if (cfg.depth == 3)
		mark(5);
	else
		mark(6);
	return 0;
}
