// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs that jump by tables, and one with a table of labels that no kernel takes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 mode = 0;
const volatile __u32 mask = 7;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, long);
} first SEC(".maps"), second SEC(".maps"), third SEC(".maps");

static __always_inline long count(void *map, int key)
{
	long *value = bpf_map_lookup_elem(map, &key);

	return value ? ++*value : 0;
}

static __noinline int work(__u32 what, __u32 x)
{
	switch (what) {
	case 0: return x * 2;
	case 1: return count(&first, 1);
	case 2: return count(&second, 2);
	case 3: return count(&third, 3);
	case 5: return x * x + 1;
	case 6: return x / 7;
	}
	return 4;
}

SEC("tc")
int decided(struct __sk_buff *skb)
{
	return work(mode, skb->mark);
}

SEC("tc")
int masked(struct __sk_buff *skb)
{
	switch (skb->mark & mask) {
	case 0: return count(&first, 0);
	case 1: return count(&second, 1);
	case 2: return 42;
	case 3: return skb->priority;
	case 4: return count(&third, 2);
	case 5: return 55;
	case 6: return skb->priority * 3;
	}
	return 7;
}

SEC("xdp")
int unknown(struct xdp_md *xdp)
{
	if (mode == 9)
		return 9;
	switch (xdp->rx_queue_index) {
	case 0: return XDP_PASS;
	case 1: return XDP_DROP;
	case 2: return XDP_TX;
	case 3: return xdp->ingress_ifindex & 1;
	case 4: return XDP_ABORTED;
	}
	return XDP_PASS;
}

SEC("socket")
int labels(struct __sk_buff *skb)
{
	static void *const table[] = { &&one, &&two, &&three };
	__u32 i = skb->len & 3;

	if (i > 2)
		return 0;
	goto *table[i];
one:
	return 1 + mode;
two:
	return skb->mark;
three:
	return 3;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
