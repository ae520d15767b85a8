// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable loaded before a call and tested after it.
// case off: flag=0 => live 2; dead 1
// case on: flag=1 => live 1; dead 2

#include "pattern.h"

VAR(__u32, flag);

PROGRAM
{
	__u32 f = flag;
	__u64 t = bpf_ktime_get_ns();

	if (f)
		mark(1);
	else
		mark(2);
	return t & 1;
}
