// SPDX-License-Identifier: MIT OR Apache-2.0
// A config struct copied to the frame, tested there.
// case none: => live 2 4 6; dead 1 3 5
// case first: cfg.on=1 => live 1 4 6; dead 2 3 5
// case last: cfg.limit=500 cfg.mode=2 => live 2 3 5; dead 1 4 6

#include "pattern.h"

struct config { bool on; __u32 limit; __u64 pad; __u8 mode; };

VAR(struct config, cfg);

PROGRAM
{
	struct config local = cfg;

	asm volatile("" : : "r"(&local) : "memory");
	if (local.on)
		mark(1);
	else
		mark(2);
	if (local.limit > 100)
		mark(3);
	else
		mark(4);
	if (local.mode == 2)
		mark(5);
	else
		mark(6);
	return 0;
}
