// SPDX-License-Identifier: MIT OR Apache-2.0
// A copy of a config struct, one member of which is changed afterwards.
// case none: => live 2 4; dead 1 3
// case all: cfg.a=1 cfg.b=1 => live 1 4; dead 2 3

#include "pattern.h"

struct config { __u32 a; __u32 b; };

VAR(struct config, cfg);

PROGRAM
{
	struct config local = cfg;

	local.b = 0;
	asm volatile("" : : "r"(&local) : "memory");
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
