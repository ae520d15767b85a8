// SPDX-License-Identifier: MIT OR Apache-2.0
// A jump table with an unknown index that a comparison limits.
// case zero: limit=0 => live 1; dead 2 3 4 5 6 7 8 9 10 11 12 13 14 15
// case two: limit=2 => live 1 2 3; dead 4 5 6 7 8 9 10 11 12 13 14 15
// case eight: limit=8 => live 1 2 3 4 5 6 7 8 9; dead 10 11 12 13 14 15

#include "pattern.h"

VAR(__u32, limit);

PROGRAM
{
	__u32 x = unknown(0);

	if (x > limit)
		return 1;
	switch (x) {
	case 0: mark(1); break;
	case 1: mark(2); break;
	case 2: mark(3); break;
	case 3: mark(4); break;
	case 4: mark(5); break;
	case 5: mark(6); break;
	case 6: mark(7); break;
	case 7: mark(8); break;
	case 8: mark(9); break;
	case 9: mark(10); break;
	case 10: mark(11); break;
	case 11: mark(12); break;
	case 12: mark(13); break;
	case 13: mark(14); break;
	default: mark(15);
	}
	return 0;
}
