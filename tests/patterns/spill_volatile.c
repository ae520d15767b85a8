// SPDX-License-Identifier: MIT OR Apache-2.0
// A local that lives in the frame because it is volatile.
// case off: flag=0 => live 2; dead 1
// case on: flag=1 => live 1; dead 2

#include "pattern.h"

VAR(__u32, flag);

PROGRAM
{
	volatile __u32 local = flag;

	bpf_ktime_get_ns();
	if (local)
		mark(1);
	else
		mark(2);
	return 0;
}
