// SPDX-License-Identifier: MIT OR Apache-2.0
// One variable tested twice, far apart.
// case off: flag=0 => live 2 4; dead 1 3
// case on: flag=1 => live 1 3; dead 2 4

#include "pattern.h"

VAR(bool, flag);

PROGRAM
{
	__u32 n = 0;

	if (flag)
		mark(1);
	else
		mark(2);
	n += bpf_get_prandom_u32();
	if (flag)
		mark(3);
	else
		mark(4);
	return n & 1;
}
