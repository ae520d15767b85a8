// SPDX-License-Identifier: MIT OR Apache-2.0
// A jump table with an unknown index that a mask limits: entries beyond it cannot be selected.
// case none: mask=0 => live 1; dead 2 3 4 5 6 7 8 9 10 11 12 13 14 15
// case one: mask=1 => live 1 2; dead 3 4 5 6 7 8 9 10 11 12 13 14 15
// case three: mask=3 => live 1 2 3 4; dead 5 6 7 8 9 10 11 12 13 14 15
// case seven: mask=7 => live 1 2 3 4 5 6 7 8; dead 9 10 11 12 13 14

#include "pattern.h"

VAR(__u32, mask);

PROGRAM
{
	switch (unknown(0) & mask) {
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
