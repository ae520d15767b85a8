// SPDX-License-Identifier: MIT OR Apache-2.0
// A range from two variables around a value that nobody knows; zero turns it off.
// case off: => live 2; dead 1
// case on: low=1000 high=2000 => live 1 2; dead
// case empty: low=1 high=0 => live 2; dead 1

#include "pattern.h"

VAR(__u16, low);
VAR(__u16, high);

PROGRAM
{
	__u16 p = unknown(0), l = low, h = high;

	if (l && h && p >= l && p <= h)
		mark(1);
	else
		mark(2);
	return 0;
}
