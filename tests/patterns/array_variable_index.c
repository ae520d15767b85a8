// SPDX-License-Identifier: MIT OR Apache-2.0
// An array indexed by another variable: an address with arithmetic on it.
// case zero: table[0]=0 slot=0 => live 2; dead 1
// case hit: table[2]=9 slot=2 => live 1; dead 2
// case miss: table[2]=9 slot=3 => live 2; dead 1

#include "pattern.h"

VAR_ARRAY(__u32, table, 4);
VAR(__u32, slot);

PROGRAM
{
	if (table[slot & 3] == 9)
		mark(1);
	else
		mark(2);
	return 0;
}
