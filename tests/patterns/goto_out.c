// SPDX-License-Identifier: MIT OR Apache-2.0
// One exit that several conditions jump to.
// case pass: => live 1 4; dead 2 3
// case first: a=1 => live 2 4; dead 1 3
// case second: b=1 => live 1 3 4; dead 2

#include "pattern.h"

VAR(int, a);
VAR(int, b);

PROGRAM
{
	int ret = 0;

	if (a) {
		ret = 1;
		mark(2);
		goto out;
	}
	mark(1);
	if (b) {
		ret = 2;
		mark(3);
		goto out;
	}
	ret = 3;
out:
	mark(4);
	return ret;
}
