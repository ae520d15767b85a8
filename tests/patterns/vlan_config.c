// SPDX-License-Identifier: MIT OR Apache-2.0
// A realistic mix: nested config, a bit-field, an array, a mode, one of them open.
// case off: => live 6; dead 1 2 3 4 5
// case tags: cfg.enabled=1 cfg.vlan.ids[0]=10 => live 1 3 6; dead 2 4 5
// case strict: cfg.enabled=1 cfg.vlan.strict=1 cfg.mode=STRIP => live 2 4 6; dead 1 3 5
// case any: cfg.enabled=1 cfg.vlan.strict=1 cfg.mode=99 => live 2 5 6; dead 1 3 4

#include "pattern.h"

enum action { KEEP, STRIP };
struct config {
	bool enabled;
	struct {
		__u8 strict : 1;
		__u8 depth : 3;
		__u16 ids[4];
	} vlan;
	enum action mode;
};

VAR(struct config, cfg);

PROGRAM
{
	if (!cfg.enabled)
		goto out;
	if (!cfg.vlan.strict)
		mark(1);
	else
		mark(2);
	switch ((int)cfg.mode) {
	case KEEP:
		if (cfg.vlan.ids[0] != 0)
			mark(3);
		break;
	case STRIP:
		mark(4);
		break;
	default:
		mark(5);
	}
out:
	mark(6);
	return 0;
}
