// SPDX-License-Identifier: MIT OR Apache-2.0
// Checks of helpers, which the version of a kernel answers, and such as it does not answer.
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int __u32; typedef unsigned long long __u64;
struct __sk_buff { __u32 len, pkt_type, mark; };
enum bpf_func_id { BPF_FUNC_unspec, BPF_FUNC_ktime_get_boot_ns = 125, BPF_FUNC_no_such = 999 };
enum bpf_func_id___new { BPF_FUNC_loop___new = 181 };
typedef enum bpf_func_id func_id_t;
enum bpf_map_type { BPF_MAP_TYPE_RINGBUF = 27 };
enum bpf_prog_type { BPF_PROG_TYPE_SYSCALL = 31 };
enum bpf_attach_type { BPF_CGROUP_UDP4_RECVMSG = 19, BPF_TRACE_KPROBE_MULTI = 42 };
enum bpf_cmd { BPF_LINK_CREATE = 28 };
static __u64 (*ktime_get_ns)(void) = (void *)5;
static __u64 (*ktime_get_boot_ns)(void) = (void *)125;
#define exists(t, v) __builtin_preserve_enum_value(*(typeof(t) *)v, 0)
SEC("socket") int boot(struct __sk_buff *skb)
{
	if (exists(enum bpf_func_id, BPF_FUNC_ktime_get_boot_ns))
		return ktime_get_boot_ns();
	return ktime_get_ns();
}

SEC("socket") int loop(struct __sk_buff *skb)
{
	return exists(enum bpf_func_id___new, BPF_FUNC_loop___new) ? 11 : 12;
}

SEC("socket") int unknown(struct __sk_buff *skb)
{
	return exists(enum bpf_func_id, BPF_FUNC_no_such) ? 21 : 22;
}

SEC("socket") int by_typedef(struct __sk_buff *skb)
{
	return exists(func_id_t, BPF_FUNC_ktime_get_boot_ns) ? 41 : 42;
}

SEC("socket") int map(struct __sk_buff *skb)
{
	return exists(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF) ? 31 : 32;
}

SEC("socket") int prog(struct __sk_buff *skb)
{
	return exists(enum bpf_prog_type, BPF_PROG_TYPE_SYSCALL) ? 51 : 52;
}

SEC("socket") int attach(struct __sk_buff *skb)
{
	return exists(enum bpf_attach_type, BPF_TRACE_KPROBE_MULTI) ? 61 : 62;
}

// Older stable kernels got it, too.
SEC("socket") int stable(struct __sk_buff *skb)
{
	return exists(enum bpf_attach_type, BPF_CGROUP_UDP4_RECVMSG) ? 71 : 72;
}

SEC("socket") int command(struct __sk_buff *skb)
{
	return exists(enum bpf_cmd, BPF_LINK_CREATE) ? 81 : 82;
}

SEC("socket") int number(struct __sk_buff *skb)
{
	return __builtin_preserve_enum_value(*(enum bpf_func_id *)BPF_FUNC_ktime_get_boot_ns, 1);
}

char _license[] SEC("license") = "GPL";
