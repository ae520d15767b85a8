// SPDX-License-Identifier: MIT OR Apache-2.0
// A loop over an array of variables, unrolled by the compiler.
// case empty: => live 2; dead 1
// case one: ports[2]=80 => live 1 2; dead

#include "pattern.h"

VAR_ARRAY(__u16, ports, 4);

PROGRAM
{
	__u16 p = unknown(0);

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		if (ports[i] && ports[i] == p) {
			mark(1);
			return 1;
		}
	}
	mark(2);
	return 0;
}
