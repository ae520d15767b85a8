// SPDX-License-Identifier: MIT OR Apache-2.0
// One member is set, another is left to the loader.
// case open: cfg=? => live 1 2 3 4; dead
// case none: => live 2 4; dead 1 3
// case both: cfg.a=1 cfg.b=1 => live 1 3; dead 2 4

#include "pattern.h"

struct config { __u32 a; __u32 b; };

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
	return 0;
}
