// SPDX-License-Identifier: MIT OR Apache-2.0
// A flag tested in each round of a loop.
// case off: flag=0 => live 2 3; dead 1
// case on: flag=1 => live 1 3; dead 2

#include "pattern.h"

VAR(bool, flag);

PROGRAM
{
	__u32 sum = 0;

	for (__u32 i = 0; i < 8; i++) {
		sum += bpf_get_prandom_u32();
		if (flag)
			mark(1);
		else
			mark(2);
	}
	mark(3);
	return sum & 1;
}
