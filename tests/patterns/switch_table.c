// SPDX-License-Identifier: MIT OR Apache-2.0
// A switch with so many cases that clang 22 makes a jump table of it (v4).
// case first: v=0 => live 1; dead 2 3 4 5 6 7 8 9 10 11 12 13 14 15
// case seventh: v=6 => live 7; dead 1 2 3 4 5 6 8 9 10 11 12 13 14 15
// case last: v=13 => live 14; dead 1 2 3 4 5 6 7 8 9 10 11 12 13 15
// case other: v=14 => live 15; dead 1 2 3 4 5 6 7 8 9 10 11 12 13 14

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	switch (v) {
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
