// SPDX-License-Identifier: MIT OR Apache-2.0
// Every Nth event; zero and one mean all.
// case zero: => live 2; dead 1
// case one: rate=1 => live 2; dead 1
// case many: rate=100 => live 1 2; dead

#include "pattern.h"

VAR(__u32, rate);

PROGRAM
{
	__u32 n = rate;

	if (n > 1 && unknown(0) % n) {
		mark(1);
		return 0;
	}
	mark(2);
	return 0;
}
