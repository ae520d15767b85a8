// SPDX-License-Identifier: MIT OR Apache-2.0
// A function of a variable that the compiler turns into a table of its own.
// case none: kind=9 => live 2; dead 1
// case zero: kind=0 => live 2; dead 1
// case three: kind=3 => live 1; dead 2

#include "pattern.h"

VAR(__u32, kind);

static __always_inline int weight(__u32 k)
{
	switch (k) {
	case 0: return 3;
	case 1: return 17;
	case 2: return 4;
	case 3: return 99;
	case 4: return 23;
	case 5: return 8;
	default: return 0;
	}
}

PROGRAM
{
	if (weight(kind) > 50)
		mark(1);
	else
		mark(2);
	return 0;
}
