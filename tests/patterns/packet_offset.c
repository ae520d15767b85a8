// SPDX-License-Identifier: MIT OR Apache-2.0
// An offset into the packet from a variable: the check against the end must stay.
// case zero: offset=0 => live 1 2 4; dead 3
// case some: offset=12 => live 1 2 3; dead 4

#include "pattern.h"

VAR(__u32, offset);

PROGRAM
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 o = offset;

	if (o > 64)
		return 0;
	if (data + o + 1 > end) {
		mark(1);
		return 0;
	}
	mark(2);
	if (o)
		mark(3);
	else
		mark(4);
	return data[o] & 1;
}
