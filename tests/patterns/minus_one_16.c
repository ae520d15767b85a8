// SPDX-License-Identifier: MIT OR Apache-2.0
// -1 in 16 bits, unsigned and signed.
// case zero: u=0 s=0 => live 2 4; dead 1 3
// case both: u=0xffff s=-1 => live 1 3; dead 2 4
// case byte: u=0xff s=255 => live 2 4; dead 1 3

#include "pattern.h"

VAR(__u16, u);
VAR(__s16, s);

PROGRAM
{
	if (u == (__u16)-1)
		mark(1);
	else
		mark(2);
	if (s == -1)
		mark(3);
	else
		mark(4);
	return 0;
}
