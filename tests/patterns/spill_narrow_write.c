// SPDX-License-Identifier: MIT OR Apache-2.0
// A word in the frame, one byte of which is overwritten by another variable.
// case zero: => live 2; dead 1
// case kept: word=0x11000000 => live 1; dead 2
// case covered: word=0x11223344 byte=0 => live 1; dead 2
// case both: word=0 byte=5 => live 1; dead 2

#include "pattern.h"

VAR(__u32, word);
VAR(__u8, byte);

PROGRAM
{
	union { volatile __u32 word; volatile __u8 bytes[4]; } u;

	u.word = word;
	u.bytes[1] = byte;
	if (u.word)
		mark(1);
	else
		mark(2);
	return 0;
}
