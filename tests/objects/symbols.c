/* Undefined symbols that loaders replace by numbers, and one that the kernel has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LOAD_CONSTANT(name, value) asm("%0 = " name " ll" : "=r"(value))

extern const int bpf_prog_active __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

static __noinline void count(__u64 by)
{
	__u32 key = 0;
	__u64 *hit = bpf_map_lookup_elem(&hits, &key);

	if (hit)
		*hit += by;
}

SEC("socket") int filter(struct __sk_buff *skb)
{
	__u64 offset, counting;

	LOAD_CONSTANT("field_offset", offset);
	LOAD_CONSTANT("counting", counting);
	if (counting)
		count(offset);
	return offset > 16 ? 1 : &bpf_prog_active != 0;
}

char LICENSE[] SEC("license") = "GPL";
