// SPDX-License-Identifier: MIT OR Apache-2.0
// Tables that clang 14 lists in the DATASEC of .rodata although they are in .rodata.cst4 to
// .rodata.cst32. Later versions list them where they are.
#define SEC(name) __attribute__((section(name), used))
typedef unsigned char __u8;
typedef unsigned int __u32;
typedef unsigned long long __u64;

struct __sk_buff {
	__u32 len, pkt_type, mark;
};

const volatile __u32 a = 1;
const volatile __u32 b = 2;
const volatile __u32 c = 3;
const volatile __u32 d = 4;
static const __u32 tab[4] = { 10, 20, 30, 40 };
static const __u8 four[4] = { 1, 2, 3, 4 };
static const __u32 eight[2] = { 5, 6 };
static const __u64 big[4] = { 1, 2, 3, 4 };
static const __u32 long_one[5] = { 1, 2, 3, 4, 5 };

SEC("socket") int first(struct __sk_buff *skb)
{
	static const __u32 loc[4] = { 7, 8, 9, 11 };

	return tab[skb->len & 3] + four[skb->mark & 3] + eight[skb->len & 1] +
	       big[skb->pkt_type & 3] + loc[skb->mark & 3] + long_one[skb->mark & 3] + a + b + c + d;
}

SEC("socket") int second(struct __sk_buff *skb)
{
	static const __u32 loc[4] = { 17, 18, 19, 111 };

	return loc[skb->mark & 3] + a + b;
}

char _license[] SEC("license") = "GPL";
