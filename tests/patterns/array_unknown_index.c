// SPDX-License-Identifier: MIT OR Apache-2.0
// An array indexed by a number that nobody knows: nothing may be decided.
// case zero: => live 2; dead 3
// case some: table[2]=9 => live 1 2; dead 3
// case flag: table[2]=9 flag=1 => live 1 2 3; dead

#include "pattern.h"

VAR_ARRAY(__u32, table, 4);
VAR(__u32, flag);

PROGRAM
{
	if (table[unknown(0) & 3] == 9)
		mark(1);
	else
		mark(2);
	if (flag)
		mark(3);
	return 0;
}
