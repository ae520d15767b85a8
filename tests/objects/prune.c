// SPDX-License-Identifier: MIT OR Apache-2.0
// What is used in ways that no instruction shows, beside what is not used.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include "../../include/bpfold.h"
#ifdef UNTAGGED
// For loaders that do not know declaration tags.
#undef bpfold_keep
#define bpfold_keep
#endif

const volatile bool modern;
const volatile bool nested;
const volatile bool stats;

// Verified on its own before 6.8, where its helper is not known.
static long (*new_helper)(void) = (void *)250;
__noinline int of_new_kernels(struct __sk_buff *skb)
{
	return new_helper() + skb->len;
}

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inner_first SEC(".maps"), inner_second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { &inner_first, &inner_second },
};

struct counters {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct counters counted SEC(".maps");
struct counters read_by_userspace SEC(".maps") bpfold_keep;
struct counters never_used SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} bpfold_test_pinned SEC(".maps");

static __always_inline void count(void *map)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(map, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("tc")
int entry(struct __sk_buff *skb)
{
	if (modern)
		return of_new_kernels(skb);
	if (nested) {
		__u32 key = 1;
		void *found = bpf_map_lookup_elem(&outer, &key);

		if (found)
			count(found);
	}
	if (stats) {
		count(&counted);
		count(&read_by_userspace);
		count(&bpfold_test_pinned);
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
