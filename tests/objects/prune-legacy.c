// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps as older objects define them, and programs that their loader puts into a prog array by
// the number at the end of the section's name.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

struct bpf_map_def SEC("maps") stages = {
	.type = BPF_MAP_TYPE_PROG_ARRAY,
	.key_size = 4,
	.value_size = 4,
	.max_entries = 8,
};

struct bpf_map_def SEC("maps") first = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 1,
};

struct bpf_map_def SEC("maps") second = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 1,
};

const volatile bool early;
const volatile bool late;
const volatile __u32 chosen;
const volatile bool any;

static __always_inline int count(void *map)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(map, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

SEC("classifier")
int start(struct __sk_buff *skb)
{
	if (early)
		bpf_tail_call(skb, &stages, 1);
	if (late)
		bpf_tail_call(skb, &stages, chosen);
	if (any)
		bpf_tail_call(skb, &stages, skb->mark);
	return 0;
}

SEC("classifier/1")
int stage_first(struct __sk_buff *skb)
{
	return count(&first);
}

SEC("classifier/2")
int stage_second(struct __sk_buff *skb)
{
	return count(&second);
}

char _license[] SEC("license") = "GPL";
