// SPDX-License-Identifier: MIT OR Apache-2.0
// A switch without gaps.
// case zero: v=0 => live 1; dead 2 3 4 5
// case two: v=2 => live 3; dead 1 2 4 5
// case three: v=3 => live 4; dead 1 2 3 5
// case other: v=4 => live 5; dead 1 2 3 4

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	switch (v) {
	case 0: mark(1); break;
	case 1: mark(2); break;
	case 2: mark(3); break;
	case 3: mark(4); break;
	default: mark(5);
	}
	return 0;
}
