// SPDX-License-Identifier: MIT OR Apache-2.0
// Clang since 15 makes a second section .rodata, of merged constants, if the source names one.
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int __u32;

struct __sk_buff {
	__u32 len, pkt_type, mark;
};

const volatile __u32 a = 1;
const volatile __u32 b SEC(".rodata") = 5;
static const __u32 four[4] __attribute__((section(".rodata"))) = { 10, 20, 30, 40 };

SEC("socket") int main_prog(struct __sk_buff *skb)
{
	return a ? skb->len + b : four[skb->mark & 3];
}

char _license[] SEC("license") = "GPL";
