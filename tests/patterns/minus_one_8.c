// SPDX-License-Identifier: MIT OR Apache-2.0
// -1 in a byte: as unsigned it is 255 after promotion, as signed it is -1.
// case zero: u=0 s=0 => live 2 4; dead 1 3
// case both: u=0xff s=-1 => live 1 3; dead 2 4
// case near: u=0xfe s=-2 => live 2 4; dead 1 3

#include "pattern.h"

VAR(__u8, u);
VAR(__s8, s);

PROGRAM
{
	if (u == (__u8)-1)
		mark(1);
	else
		mark(2);
	if (s == -1)
		mark(3);
	else
		mark(4);
	return 0;
}
