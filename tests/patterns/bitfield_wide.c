// SPDX-License-Identifier: MIT OR Apache-2.0
// Bit-fields in a 64-bit unit, one of them beyond 32 bits.
// case zero: => live 2 4; dead 1 3
// case id: f.id=0xfedcba9876 => live 1 4; dead 2 3
// case kind: f.kind=0xabc => live 2 3; dead 1 4

#include "pattern.h"

struct fields { __u64 id : 40; __u64 kind : 12; __u64 rest : 12; };

VAR(struct fields, f);

PROGRAM
{
	if (f.id == 0xfedcba9876)
		mark(1);
	else
		mark(2);
	if (f.kind == 0xabc)
		mark(3);
	else
		mark(4);
	return 0;
}
