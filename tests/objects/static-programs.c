/* Programs that are static functions in sections of programs, as cilium/ebpf and aya load them:
 * userspace puts some into `progs`, which the object leaves empty. */
typedef unsigned int __u32;

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PROG_ARRAY = 3 };

struct __sk_buff {
	__u32 len, pkt_type, mark;
};

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]

static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*tail_call)(void *ctx, void *map, __u32 index) = (void *)12;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 4);
} progs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 4);
} counts SEC(".maps");

const volatile __u32 mode = 1;
const volatile __u32 deep = 0;

static __attribute__((noinline)) int count(__u32 key)
{
	__u32 *value = map_lookup_elem(&counts, &key);

	if (value)
		*value += 1;
	return !!value;
}

SEC("socket/entry") int entry(struct __sk_buff *skb)
{
	if (mode)
		tail_call(skb, &progs, skb->mark & 7);
	return count(0);
}

SEC("socket/python") static int unwind_python(struct __sk_buff *skb)
{
	if (deep)
		return count(3);
	return skb->len;
}

/* Several in one section, one of them weak. */
SEC("socket/ruby") static int unwind_ruby(struct __sk_buff *skb)
{
	return count(2) + 7;
}

SEC("socket/ruby") __attribute__((weak)) int weak_ruby(struct __sk_buff *skb)
{
	return count(1);
}

/* Static, but other code of the section calls it, with an argument that is known. */
SEC("socket/helped") static __attribute__((noinline)) int helper(struct __sk_buff *skb, __u32 step)
{
	if (step != 4)
		return skb->len;
	return count(step);
}

SEC("socket/helped") int helped(struct __sk_buff *skb)
{
	if (deep)
		return 3;
	return helper(skb, 4) & 1;
}

#ifndef PLAIN
/* What names itself only; libbpf does not take the address of a program. */
SEC("socket/timer") static int itself(struct __sk_buff *skb)
{
	return (long)itself + skb->len;
}
#endif

/* No prefix that loaders know, and not loaded unless asked for. */
SEC("?2/7") static int numbered(struct __sk_buff *skb)
{
	return skb->len;
}

/* Not in a section of programs. */
static __attribute__((used)) int unused_text(struct __sk_buff *skb)
{
	return skb->len + 3;
}

char _license[] SEC("license") = "GPL";
