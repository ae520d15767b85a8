// SPDX-License-Identifier: MIT OR Apache-2.0
// Read-only variables in every situation that sealing tells apart.
#define SEC(name) __attribute__((section(name), used))

const volatile int limit = 5;
const volatile int left_open = 6;
// Code keeps naming it by its own symbol: the index is not known.
const volatile int table[4] = { 1, 2, 3, 4 };
// The only thing in its section.
const volatile int alone SEC(".rodata.alone") = 3;
// Data has its address.
const volatile int pointed = 7;
const volatile int *pointer SEC(".data") = &pointed;

SEC("socket") int program(int *context)
{
	int sum = alone + pointed;

	if (limit > 4)
		sum += left_open;
	return sum + table[*context & 3];
}

char _license[] SEC("license") = "Dual MIT/GPL";
