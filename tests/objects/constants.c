// SPDX-License-Identifier: MIT OR Apache-2.0
// Constants of the compiler that die while others in their section live on, and sections whose
// layout must stay although some of their constants die.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

const volatile bool debug;
const volatile __u32 limit = 7;

// No code reads it: it is there for somebody else.
static const char version[] __attribute__((used)) = "v1.0";

char text[64];

// The index of `weights` is not known.
static const __u32 weights[4] SEC(".rodata.table") = { 3, 5, 8, 13 };
static const char table_debug[] SEC(".rodata.table") = "table %d";

// Another function gets the address of `passed`.
static const char passed_debug[] SEC(".rodata.passed") = "passed %d";
static const char passed[] SEC(".rodata.passed") = "argument";

// The address of `stored` is in memory.
static const char stored_debug[] SEC(".rodata.stored") = "stored %d";
static const char stored[] SEC(".rodata.stored") = "in memory";

// The address of `held` is in data.
static const char held_debug[] SEC(".rodata.held") = "held %d";
static const char held[] SEC(".rodata.held") = "by data";
const char *holder SEC(".data.holder") = held;

// The address of `moved_last` is computed from that of `moved_first`.
static const char moved_first[8] SEC(".rodata.moved") = "first";
static const char moved_debug[16] SEC(".rodata.moved") = "moved %d";
static const char moved_last[8] SEC(".rodata.moved") = "last";

// `threshold` can be set.
static const char open_debug[] SEC(".rodata.open") = "open %d";
const volatile __u32 threshold SEC(".rodata.open") = 100;

static __noinline int byte_of(const char *string, __u32 index)
{
	return ((const volatile char *)string)[index & 7];
}

SEC("tc")
int constants(struct __sk_buff *skb)
{
	__u64 args[] = { (unsigned long)stored };
	const char *last = moved_first;
	int result = 0;

	if (debug)
		bpf_printk("received %d bytes", skb->len);
	BPF_SNPRINTF(text, sizeof(text), "%d of %d", skb->len, limit);
	if (debug)
		bpf_printk("text is %s", text);
	if (bpf_strncmp(text, 2, "17") == 0)
		result++;
	if (debug && bpf_strncmp(text, 2, "18") == 0)
		result += 2;
	if (bpf_strncmp(text, 3, "142") == 0)
		result += 4;

	if (debug) {
		bpf_trace_printk(table_debug, sizeof(table_debug), skb->len);
		bpf_trace_printk(passed_debug, sizeof(passed_debug), skb->len);
		bpf_trace_printk(stored_debug, sizeof(stored_debug), skb->len);
		bpf_trace_printk(held_debug, sizeof(held_debug), skb->len);
		bpf_trace_printk(moved_debug, sizeof(moved_debug), skb->len);
		bpf_trace_printk(open_debug, sizeof(open_debug), skb->len);
	}
	result += ((const volatile __u32 *)weights)[skb->len & 3];
	result += byte_of(passed, skb->len);
	bpf_snprintf(text + 32, 32, "%s", args, sizeof(args));
	bpf_trace_printk(held, sizeof(held));
	asm volatile("%0 += 24" : "+r"(last));
	result += bpf_strncmp(text, 4, last);
	if (skb->len > threshold)
		result += 1000;
	return result;
}

char _license[] SEC("license") = "GPL";
