// SPDX-License-Identifier: MIT OR Apache-2.0
// An unsigned byte against a bound in the middle and at both ends.
// case zero: v=0 => live 3; dead 1 2 4
// case small: v=7 => live 2; dead 1 3 4
// case big: v=128 => live 1; dead 2 3 4
// case max: v=255 => live 1 4; dead 2 3

#include "pattern.h"

VAR(__u8, v);

PROGRAM
{
	__u8 x = v;

	if (x > 127)
		mark(1);
	else if (x)
		mark(2);
	else
		mark(3);
	if (x == 255)
		mark(4);
	return 0;
}
