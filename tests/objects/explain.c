// SPDX-License-Identifier: MIT OR Apache-2.0
// Branches that hang on one variable each, which their source lines name; and what is not folded.
// Built by build-explain.sh beside this file.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum level { LEVEL_LOW, LEVEL_MIDDLE, LEVEL_HIGH };

const volatile bool direct;
const volatile __u32 limit = 10;
const volatile enum level level = LEVEL_MIDDLE;
const volatile struct {
	bool first;
	bool second;
	struct {
		__u32 low : 3;
		__u32 high : 5;
	} bits;
	__u16 ports[4];
} cfg = { .second = true, .bits = { .high = 3 }, .ports = { 80 } };
const volatile __s64 wide = -1;
const volatile bool by_argument;
const volatile bool by_result;
const volatile __u32 table[8] = { 1, 2, 3 };
const volatile char text[4] = "abc";
__u32 writable;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps"), guarded SEC(".maps"), traced SEC(".maps");

static __noinline void count(void *map, __u32 key)
{
	__u64 *value = bpf_map_lookup_elem(map, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __noinline int with_argument(bool flag, __u32 key)
{
	if (flag)
		count(&traced, key);
	return key + 1;
}

static __noinline bool is_wanted(void)
{
	return by_result;
}

SEC("xdp") int explained(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;

	if (direct)
		count(&counters, 0);
	if (limit > 5)
		count(&counters, 1);
	if (level == LEVEL_HIGH)
		count(&counters, 2);
	if (cfg.first)
		count(&counters, 3);
	if (!cfg.second)
		count(&counters, 4);
	if (cfg.bits.high == 2)
		count(&counters, 5);
	if (cfg.ports[1])
		count(&counters, 6);
	if (wide < 0)
		count(&counters, 7);
	if (text[1] == 'x')
		count(&guarded, 0);
	with_argument(by_argument, key);
	if (is_wanted())
		count(&guarded, 1);
	if (writable)
		count(&guarded, 2);
	return table[key & 7] + table[2];
}

char _license[] SEC("license") = "GPL";
