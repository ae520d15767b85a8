// SPDX-License-Identifier: MIT OR Apache-2.0
// A switch with gaps, which becomes a tree of comparisons.
// case six: v=6 => live 1; dead 2 3 4 5 6
// case seventeen: v=17 => live 2; dead 1 3 4 5 6
// case icmp6: v=58 => live 3; dead 1 2 4 5 6
// case sctp: v=132 => live 4; dead 1 2 3 5 6
// case large: v=70000 => live 5; dead 1 2 3 4 6
// case other: v=59 => live 6; dead 1 2 3 4 5

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	switch (v) {
	case 6: mark(1); break;
	case 17: mark(2); break;
	case 58: mark(3); break;
	case 132: mark(4); break;
	case 70000: mark(5); break;
	default: mark(6);
	}
	return 0;
}
