// SPDX-License-Identifier: MIT OR Apache-2.0
// A slot computed from a variable width, clamped to the number of slots.
// case off: => live 3; dead 1 2
// case on: width=10 => live 1 2; dead 3

#include "pattern.h"

VAR(__u32, width);

PROGRAM
{
	__u32 w = width, slot;

	if (!w) {
		mark(3);
		return 0;
	}
	slot = unknown(0) / w;
	if (slot >= 64) {
		slot = 63;
		mark(1);
	}
	mark(2);
	return slot;
}
