// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs that share a map, beside one that the kernel refuses until it is folded: dead code too
// must not name what lies outside of a section (resolve_pseudo_ldimm64).
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
typedef unsigned int __u32;

struct __sk_buff {
	__u32 len, pkt_type, mark;
};

static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;
static const volatile __u32 beyond SEC(".rodata") = 0;

struct {
	__uint(type, 2);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} counts SEC(".maps");

SEC("socket") int writes(struct __sk_buff *skb)
{
	__u32 key = 0, *value = map_lookup_elem(&counts, &key);

	if (value)
		*value += 1;
	return 0;
}

SEC("socket") int reads(struct __sk_buff *skb)
{
	__u32 key = 0, *value = map_lookup_elem(&counts, &key);

	return value ? *value : -1;
}

SEC("socket") int calls(struct __sk_buff *skb)
{
	if (beyond) {
		const volatile __u32 *outside;

		asm volatile("%0 = beyond + 400 ll" : "=r"(outside));
		return *outside;
	}
	return 1;
}

char _license[] SEC("license") = "GPL";
