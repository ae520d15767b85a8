// SPDX-License-Identifier: MIT OR Apache-2.0
// Six bytes of an address against six variables; all zero turns it off.
// case off: => live 3; dead 1 2
// case on: mac[0]=2 mac[5]=9 => live 1 2; dead 3

#include "pattern.h"

VAR_ARRAY(__u8, mac, 6);

PROGRAM
{
	__u8 source[6] = {};

	if (!(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5])) {
		mark(3);
		return 0;
	}
	bpf_skb_load_bytes(skb, 6, source, sizeof(source));
	if (source[0] == mac[0] && source[1] == mac[1] && source[2] == mac[2] &&
	    source[3] == mac[3] && source[4] == mac[4] && source[5] == mac[5])
		mark(1);
	else
		mark(2);
	return 0;
}
