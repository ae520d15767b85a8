// SPDX-License-Identifier: MIT OR Apache-2.0
// A signed byte is sign-extended before it is compared.
// case zero: v=0 => live 2; dead 1 3
// case low: v=-128 => live 1; dead 2 3
// case high: v=127 => live 3; dead 1 2

#include "pattern.h"

VAR(__s8, v);

PROGRAM
{
	__s8 x = v;

	if (x < 0)
		mark(1);
	else if (x < 100)
		mark(2);
	else
		mark(3);
	return 0;
}
