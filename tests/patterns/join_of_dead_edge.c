// SPDX-License-Identifier: MIT OR Apache-2.0
// A value that only a dead branch would spoil.
// case off: flag=0 => live 2; dead 1 3
// case on: flag=1 => live 1 2 3; dead

#include "pattern.h"

VAR(bool, flag);

PROGRAM
{
	__u32 x = 0;

	if (flag) {
		x = unknown(0);
		mark(1);
	}
	if (x == 0)
		mark(2);
	else
		mark(3);
	return 0;
}
