// SPDX-License-Identifier: MIT OR Apache-2.0
// One register, one comparison after the other.
// case zero: v=0 => live 1; dead 2 3 4 5
// case ten: v=10 => live 2; dead 1 3 4 5
// case fifty: v=50 => live 3; dead 1 2 4 5
// case hundred: v=100 => live 4; dead 1 2 3 5
// case large: v=1000 => live 5; dead 1 2 3 4

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	__u32 x = v;

	if (x < 10)
		mark(1);
	else if (x < 50)
		mark(2);
	else if (x < 100)
		mark(3);
	else if (x == 100)
		mark(4);
	else
		mark(5);
	return 0;
}
