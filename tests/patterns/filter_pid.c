// SPDX-License-Identifier: MIT OR Apache-2.0
// Zero or a process to trace.
// case all: targ_pid=0 => live 2; dead 1
// case one: targ_pid=42 => live 1 2; dead

#include "pattern.h"

VAR(__s32, targ_pid);

PROGRAM
{
	__u32 pid = unknown(0);

	if (targ_pid && targ_pid != pid) {
		mark(1);
		return 0;
	}
	mark(2);
	return 0;
}
