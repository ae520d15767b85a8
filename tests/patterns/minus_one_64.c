// SPDX-License-Identifier: MIT OR Apache-2.0
// -1 in 64 bits: the low half alone must not match.
// case zero: u=0 s=0 => live 2 4; dead 1 3
// case both: u=0xffffffffffffffff s=-1 => live 1 3; dead 2 4
// case low: u=0xffffffff s=4294967295 => live 2 4; dead 1 3

#include "pattern.h"

VAR(__u64, u);
VAR(__s64, s);

PROGRAM
{
	if (u == -1ull)
		mark(1);
	else
		mark(2);
	if (s == -1)
		mark(3);
	else
		mark(4);
	return 0;
}
