// SPDX-License-Identifier: MIT OR Apache-2.0
// `x > limit` with the largest limit is never true.
// case max: limit=0xffffffff => live 2; dead 1
// case some: limit=10 => live 1 2; dead

#include "pattern.h"

VAR(__u32, limit);

PROGRAM
{
	if (unknown(0) > limit)
		mark(1);
	else
		mark(2);
	return 0;
}
