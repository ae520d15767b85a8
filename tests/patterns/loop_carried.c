// SPDX-License-Identifier: MIT OR Apache-2.0
// A value carried through a loop unchanged.
// needs: clang
// case off: flag=0 => live 1 3; dead 2
// case on: flag=1 => live 1 2; dead 3

#include "pattern.h"

VAR(__u32, flag);

PROGRAM
{
	__u32 f = flag, n = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 20; i++)
		n += bpf_get_prandom_u32();
	mark(1);
	if (f)
		mark(2);
	else
		mark(3);
	return n & 1;
}
