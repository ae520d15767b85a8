// SPDX-License-Identifier: MIT OR Apache-2.0
// Flags inside flags.
// case none: => live 4; dead 1 2 3
// case a: a=1 => live 3 4; dead 1 2
// case ab: a=1 b=1 => live 2 4; dead 1 3
// case abc: a=1 b=1 c=1 => live 1 2 4; dead 3

#include "pattern.h"

VAR(bool, a);
VAR(bool, b);
VAR(bool, c);

PROGRAM
{
	if (a) {
		if (b) {
			if (c)
				mark(1);
			mark(2);
		} else {
			mark(3);
		}
	}
	mark(4);
	return 0;
}
