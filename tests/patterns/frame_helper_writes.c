// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable in the frame that a helper may write: nothing may be decided.
// case zero: => live 1 2; dead
// case some: v=1 => live 1 2; dead

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	__u32 local = v;

	bpf_skb_load_bytes(skb, 0, &local, sizeof(local));
	if (local)
		mark(1);
	else
		mark(2);
	return 0;
}
