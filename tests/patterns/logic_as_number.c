// SPDX-License-Identifier: MIT OR Apache-2.0
// The results of comparisons, added up.
// case none: => live 3; dead 1 2
// case two: a=5 b=6 => live 2; dead 1 3
// case all: a=5 b=6 c=7 => live 1; dead 2 3

#include "pattern.h"

VAR(int, a);
VAR(int, b);
VAR(int, c);

PROGRAM
{
	int n = (a == 5) + (b == 6) + (c == 7);

	if (n == 3)
		mark(1);
	else if (n)
		mark(2);
	else
		mark(3);
	return 0;
}
