// SPDX-License-Identifier: MIT OR Apache-2.0
// A small object with one of each thing that the ELF model handles: read-only, zeroed and
// initialised data, a static subprogram in
// .text, a global one, and an undefined symbol.
#define SEC(name) __attribute__((section(name), used))

const volatile unsigned int level = 3;
unsigned long counter;
int table[2] = { 1, 2 };
extern const int LINUX_KERNEL_VERSION __attribute__((section(".kconfig"), weak));

static __attribute__((noinline)) int pick(int which)
{
	return table[which & 1] + (level > 2);
}

__attribute__((noinline)) int count(int by)
{
	counter += by;
	return counter & 1;
}

SEC("xdp") int entry(void *ctx)
{
	if (level > 5)
		return count(2);
	return pick(LINUX_KERNEL_VERSION) ? 2 : 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
