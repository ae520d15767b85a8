/* Programs of which kernels ask for one result (check_return_code of kernel/bpf/verifier.c). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/recvmsg4") int received(struct bpf_sock_addr *ctx)
{
	return bpf_get_prandom_u32() ? 1 : 1;
}

SEC("cgroup/getpeername6") int peer(struct bpf_sock_addr *ctx)
{
	bpf_get_prandom_u32();
	return 1;
}

SEC("?cgroup/getsockname4") int own(struct bpf_sock_addr *ctx)
{
	bpf_get_prandom_u32();
	return 1;
}

SEC("cgroup/bind4") int bound(struct bpf_sock_addr *ctx)
{
	bpf_get_prandom_u32();
	return 1;
}

SEC("tracepoint/raw_syscalls/sys_enter") int traced(void *ctx)
{
	return bpf_get_prandom_u32() & 1;
}

SEC("socket") int entry(struct __sk_buff *skb)
{
	return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
