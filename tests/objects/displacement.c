// SPDX-License-Identifier: MIT OR Apache-2.0
// Members of contexts and sockets that the configuration chooses. Compilers choose an offset, add
// it to the pointer and load once; no kernel up to 6.18 takes that before folding.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 which = 0;

SEC("tc")
int skb_member(struct __sk_buff *skb)
{
	switch (which) {
	case 0: return skb->cb[0];
	case 1: return skb->cb[1];
	case 2: return skb->mark;
	default: return skb->priority;
	}
}

SEC("tc")
int skb_member_kept(struct __sk_buff *skb)
{
	__u32 member = which ? skb->cb[1] : skb->cb[0];

	if (skb->mark)
		member += skb->cb[3];
	return member + skb->cb[2];
}

SEC("tc")
int skb_stored(struct __sk_buff *skb)
{
	if (which)
		skb->cb[2] = 5;
	else
		skb->cb[3] = 5;
	return skb->cb[3];
}

SEC("tc")
int skb_indexed(struct __sk_buff *skb)
{
	__u32 i = which;

	return i < 5 ? skb->cb[i] : 0;
}

SEC("xdp")
int xdp_member(struct xdp_md *xdp)
{
	return which ? xdp->rx_queue_index : xdp->ingress_ifindex;
}

SEC("cgroup_skb/egress")
int socket_member(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 0;
	return (which ? sk->mark : sk->priority) & 1;
}

SEC("sockops")
int sock_ops_member(struct bpf_sock_ops *ops)
{
	__u32 port = which == 0 ? ops->local_port : which == 1 ? ops->remote_port : ops->family;

	return port == 80;
}

SEC("raw_tp/sched_switch")
int tracepoint_argument(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[which == 1] != 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
