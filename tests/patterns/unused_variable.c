// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable that nothing loads.
// case zero: unused=0 used=0 => live 2; dead 1
// case one: unused=1 used=1 => live 1; dead 2

#include "pattern.h"

VAR(int, unused);
VAR(int, used);

PROGRAM
{
	if (used)
		mark(1);
	else
		mark(2);
	return 0;
}
