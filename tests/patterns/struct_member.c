// SPDX-License-Identifier: MIT OR Apache-2.0
// Members at offsets other than zero; the one at zero must not stand for the struct.
// case zero: => live 2 4 6; dead 1 3 5
// case first: cfg.a=1 => live 1 4 6; dead 2 3 5
// case last: cfg.c=1 => live 2 4 5; dead 1 3 6
// case all: cfg.a=1 cfg.b=2 cfg.c=3 => live 1 3 5; dead 2 4 6

#include "pattern.h"

struct config { __u32 a; __u16 b; __u64 c; };

VAR(struct config, cfg);

PROGRAM
{
	if (cfg.a)
		mark(1);
	else
		mark(2);
	if (cfg.b)
		mark(3);
	else
		mark(4);
	if (cfg.c)
		mark(5);
	else
		mark(6);
	return 0;
}
