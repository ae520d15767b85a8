// SPDX-License-Identifier: MIT OR Apache-2.0
// An invalid id as "no filter".
// case none: targ_uid=0xffffffff => live 2; dead 1
// case root: targ_uid=0 => live 1 2; dead

#include "pattern.h"

#define INVALID_UID ((__u32)-1)

VAR(__u32, targ_uid);

PROGRAM
{
	if (targ_uid != INVALID_UID && targ_uid != unknown(0)) {
		mark(1);
		return 0;
	}
	mark(2);
	return 0;
}
