// SPDX-License-Identifier: MIT OR Apache-2.0
// Output by ring buffer or by perf event array.
// case none: => live 3; dead 1 2
// case ring: output=1 => live 1; dead 2 3
// case perf: output=2 => live 2; dead 1 3

#include "pattern.h"

VAR(__u8, output);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

PROGRAM
{
	__u64 event = unknown(0);

	if (output == 1) {
		bpf_ringbuf_output(&ring, &event, sizeof(event), 0);
		mark(1);
	} else if (output == 2) {
		bpf_perf_event_output(skb, &perf, BPF_F_CURRENT_CPU, &event, sizeof(event));
		mark(2);
	} else {
		mark(3);
	}
	return 0;
}
