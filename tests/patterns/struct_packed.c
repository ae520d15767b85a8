// SPDX-License-Identifier: MIT OR Apache-2.0
// Members at odd offsets: the compiler loads them byte by byte and puts them together.
// case zero: => live 2 4 6; dead 1 3 5
// case word: cfg.word=0x11223344 => live 1 4 6; dead 2 3 5
// case wide: cfg.wide=0x1122334455667788 cfg.half=-2 => live 2 3 5; dead 1 4 6

#include "pattern.h"

struct config { __u8 kind; __u32 word; __u64 wide; __s16 half; } __attribute__((packed));

VAR(struct config, cfg);

PROGRAM
{
	if (cfg.word == 0x11223344)
		mark(1);
	else
		mark(2);
	if (cfg.wide == 0x1122334455667788)
		mark(3);
	else
		mark(4);
	if (cfg.half < 0)
		mark(5);
	else
		mark(6);
	return 0;
}
