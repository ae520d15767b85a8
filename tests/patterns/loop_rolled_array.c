// SPDX-License-Identifier: MIT OR Apache-2.0
// A loop over an array of variables that stays a loop: its elements join.
// case any: list[1]=1 list[3]=1 => live 1 2; dead 3
// case after: list[0]=5 flag=1 => live 1 2 3; dead

#include "pattern.h"

VAR_ARRAY(__u32, list, 8);
VAR(__u32, flag);

PROGRAM
{
	__u32 n = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 8; i++) {
		if (list[i])
			mark(1);
		else
			mark(2);
		n += bpf_get_prandom_u32();
	}
	if (flag)
		mark(3);
	return n & 1;
}
