// SPDX-License-Identifier: MIT OR Apache-2.0
// A packet is read only when a variable asks for it; the bound check stays.
// case off: deep=0 => live 3; dead 1 2
// case on: deep=1 => live 1 2 3; dead

#include "pattern.h"

VAR(bool, deep);

PROGRAM
{
	if (deep) {
		__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

		if (data + 14 <= end) {
			mark(1);
			if (data[12] == 8)
				mark(2);
		}
	}
	mark(3);
	return 0;
}
