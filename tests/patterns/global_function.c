// SPDX-License-Identifier: MIT OR Apache-2.0
// A global function is verified on its own: its arguments are not known to the kernel.
// case off: flag=0 => live 4; dead 3
// case on: flag=1 => live 3; dead 4

#include "pattern.h"

VAR(bool, flag);

__noinline int work(int f)
{
	if (f)
		mark(1);
	else
		mark(2);
	if (flag)
		mark(3);
	else
		mark(4);
	return bpf_get_prandom_u32();
}

PROGRAM
{
	return work(flag) & 1;
}
