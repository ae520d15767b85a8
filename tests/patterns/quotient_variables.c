// SPDX-License-Identifier: MIT OR Apache-2.0
// Division and remainder, by a constant and by a variable.
// case zero: n=0 d=1 => live 2 4; dead 1 3
// case even: n=1000 d=8 => live 1 4; dead 2 3
// case odd: n=1001 d=2 => live 1 3; dead 2 4

#include "pattern.h"

VAR(__u32, n);
VAR(__u32, d);

PROGRAM
{
	if (n / 10 == 100)
		mark(1);
	else
		mark(2);
	if (d && n % d)
		mark(3);
	else
		mark(4);
	return 0;
}
