// SPDX-License-Identifier: MIT OR Apache-2.0
// Functions that call each other in a circle, and a callback that passes its own address on,
// which is none.
#define SEC(name) __attribute__((section(name), used))

const volatile int deep = 1;

static long (*bpf_loop)(unsigned count, void *callback, void *context, long flags) = (void *)181;

static int odd(int *context, int n);

static __attribute__((noinline)) int even(int *context, int n)
{
	return n == context[0] ? 1 : odd(context, n - 1) + context[1];
}

static __attribute__((noinline)) int odd(int *context, int n)
{
	return n == context[1] ? 0 : even(context, n - 1) * 3;
}

static long again(unsigned index, void *context)
{
	return index ? 1 : bpf_loop(1, again, context, 0);
}

SEC("socket") int circle(int *context)
{
	return deep ? even(context, context[2]) : 0;
}

SEC("socket") int callback(int *context)
{
	return bpf_loop(2, again, 0, 0);
}

char _license[] SEC("license") = "Dual MIT/GPL";
