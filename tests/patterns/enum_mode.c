// SPDX-License-Identifier: MIT OR Apache-2.0
// A mode that is an enum, compared with its enumerators.
// case none: mode=MODE_NONE => live 4; dead 1 2 3
// case read: mode=MODE_READ => live 1; dead 2 3 4
// case write: mode=MODE_WRITE => live 2; dead 1 3 4
// case both: mode=MODE_BOTH => live 3; dead 1 2 4

#include "pattern.h"

enum mode { MODE_NONE, MODE_READ, MODE_WRITE, MODE_BOTH = 7 };

VAR(enum mode, mode);

PROGRAM
{
	enum mode m = mode;

	if (m == MODE_READ)
		mark(1);
	else if (m == MODE_WRITE)
		mark(2);
	else if (m == MODE_BOTH)
		mark(3);
	else
		mark(4);
	return 0;
}
