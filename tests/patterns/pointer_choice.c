// SPDX-License-Identifier: MIT OR Apache-2.0
// A pointer to one of two variables, chosen by a third.
// case zero: => live 2; dead 1
// case a: a=1 => live 2; dead 1
// case b: b=1 => live 1; dead 2
// case a_which: a=1 which=1 => live 1; dead 2

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);
VAR(bool, which);

PROGRAM
{
	const volatile __u32 *p = which ? &a : &b;

	if (*p)
		mark(1);
	else
		mark(2);
	return 0;
}
