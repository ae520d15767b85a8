// SPDX-License-Identifier: MIT OR Apache-2.0
// A copy that a helper writes to: the member written is unknown, the other is not.
// case none: => live 1 2 4; dead 3
// case all: cfg.a=1 cfg.b=1 => live 1 2 3; dead 4

#include "pattern.h"

struct config { __u32 a; __u32 b; };

VAR(struct config, cfg);

PROGRAM
{
	struct config local = cfg;

	bpf_skb_load_bytes(skb, 0, &local.a, sizeof(local.a));
	if (local.a)
		mark(1);
	else
		mark(2);
	if (local.b)
		mark(3);
	else
		mark(4);
	return 0;
}
