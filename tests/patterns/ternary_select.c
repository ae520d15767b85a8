// SPDX-License-Identifier: MIT OR Apache-2.0
// A value chosen by a flag, then tested.
// case off: flag=0 => live 2; dead 1
// case on: flag=1 => live 1; dead 2

#include "pattern.h"

VAR(bool, flag);

PROGRAM
{
	__u32 limit = flag ? 100 : 10;

	if (limit > 50)
		mark(1);
	else
		mark(2);
	return limit;
}
