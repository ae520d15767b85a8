// SPDX-License-Identifier: MIT OR Apache-2.0
// Why a map is dead: values that come past joins, calls and the stack.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 first = 0;
const volatile __u32 second = 1;
const volatile __u32 third = 2;

struct counters {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} of_first SEC(".maps"), of_second SEC(".maps"), of_third SEC(".maps");

static __always_inline int use(void *map)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(map, &key) != 0;
}

SEC("socket") int past_a_join(struct __sk_buff *skb)
{
	__u32 value = first;

	if (skb->len & 1)
		bpf_get_prandom_u32();
	return value ? use(&of_first) : 0;
}

SEC("socket") int through_the_stack(struct __sk_buff *skb)
{
	volatile __u32 spilled = second;

	if (skb->len & 1)
		bpf_get_prandom_u32();
	return spilled == 2 ? use(&of_second) : 0;
}

// `second` is read where control never comes to.
SEC("socket") int not_from_dead_code(struct __sk_buff *skb)
{
	__u32 value = third;

	if (first) {
		bpf_get_prandom_u32();
		value = second;
	}
	barrier_var(value);
	return value == 5 ? use(&of_third) : 0;
}

char _license[] SEC("license") = "GPL";
