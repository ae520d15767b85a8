// SPDX-License-Identifier: MIT OR Apache-2.0
// Cases that fall through to the next.
// case three: v=3 => live 1 2 3; dead 4
// case two: v=2 => live 2 3; dead 1 4
// case one: v=1 => live 3; dead 1 2 4
// case other: v=7 => live 4; dead 1 2 3

#include "pattern.h"

VAR(int, v);

PROGRAM
{
	switch (v) {
	case 3:
		mark(1);
		/* fall through */
	case 2:
		mark(2);
		/* fall through */
	case 1:
		mark(3);
		break;
	default:
		mark(4);
	}
	return 0;
}
