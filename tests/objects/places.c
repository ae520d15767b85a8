// SPDX-License-Identifier: MIT OR Apache-2.0
// Everything that names code by its offset: calls in all three forms, addresses of functions
// in code and in data, labels, CO-RE records, two programs in one section.
#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))

static long (*bpf_loop)(unsigned int, void *, void *, unsigned long) = (void *)181;
static long (*bpf_get_prandom_u32)(void) = (void *)7;

struct task {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

static NOINLINE int leaf(int x)
{
	return x * bpf_get_prandom_u32();
}

static NOINLINE int middle(int x)
{
	return leaf(x) + leaf(x + 1);
}

NOINLINE int global(int x)
{
	return middle(x) + bpf_get_prandom_u32();
}

static int callback(unsigned int index, void *context)
{
	*(int *)context += index;
	return 0;
}

SEC("xdp") int first(struct task *task)
{
	int sum = 0;
	asm volatile("a_label: r1 = r1");
	bpf_loop(4, callback, &sum, 0);
	return global(task->tgid) + sum;
}

SEC("xdp") int second(struct task *task)
{
	return middle(task->tgid) + global(3);
}

// Not what a loader knows: a table of functions that stays as it is, but for its addresses.
struct table {
	long pad;
	int (*one)(struct task *);
	int (*two)(int);
};
SEC(".struct_ops") struct table table = { .one = second, .two = leaf };

char _license[] SEC("license") = "Dual MIT/GPL";
