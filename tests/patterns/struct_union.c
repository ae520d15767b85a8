// SPDX-License-Identifier: MIT OR Apache-2.0
// One member of a union written, another read.
// case zero: => live 2 4; dead 1 3
// case low: u.word=0x01020304 => live 1 4; dead 2 3
// case high: u.word=0xff020304 => live 1 3; dead 2 4

#include "pattern.h"

union value { __u32 word; __s32 number; __u8 bytes[4]; };

VAR(union value, u);

PROGRAM
{
	if (u.bytes[1])
		mark(1);
	else
		mark(2);
	if (u.number < 0)
		mark(3);
	else
		mark(4);
	return 0;
}
