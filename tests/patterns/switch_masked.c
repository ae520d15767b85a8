// SPDX-License-Identifier: MIT OR Apache-2.0
// A switch over a masked value.
// case zero: v=0x70 => live 1; dead 2 3 4
// case one: v=0x71 => live 2; dead 1 3 4
// case three: v=0xf3 => live 4; dead 1 2 3

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	switch (v & 3) {
	case 0: mark(1); break;
	case 1: mark(2); break;
	case 2: mark(3); break;
	case 3: mark(4); break;
	}
	return 0;
}
