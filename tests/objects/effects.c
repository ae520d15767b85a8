/* Variables whose values change nothing, and accesses outside of data sections. build.sh compiles
 * it with two compilers. */
#define SEC(name) __attribute__((section(name), used))

typedef unsigned char __u8;
typedef unsigned int __u32;
typedef unsigned long long __u64;

static long (*bpf_trace_printk)(const char *, __u32, ...) = (void *)6;

enum level { QUIET, LOUD = 5 };
struct config {
	__u32 mode;
	__u32 spare;
	char name[8];
};

/* clang uses the values of these. */
const int deny = 0;
const int table[4] = { 1, 2, 3, 4 };
/* Nothing loads these. */
const volatile __u32 unused = 7;
const volatile __u64 unused_array[2] = { 1, 2 };
/* These are loaded: in part, by an index, by another function, where control never gets. */
const volatile struct config cfg = { 1, 2, "eth0" };
const volatile __u32 indexed[4] = { 1, 2, 3, 4 };
const volatile __u32 passed[2] = { 1, 2 };
const volatile __u32 guarded = 1;
const volatile _Bool never = 0;
const volatile enum level level = LOUD;
const volatile char letter = 'x';
const volatile __u32 version = 0x50a00;
const char text[8] = "text %d";
/* The last one of .rodata. */
const volatile __u32 last[2] __attribute__((aligned(16))) = { 1, 2 };

__u32 writable[2] = { 1, 2 };

static __attribute__((noinline)) __u32 second(const volatile __u32 *numbers)
{
	return numbers[1];
}

SEC("socket")
int effects(void *ctx)
{
	__u32 sum = 0;

	if (deny)
		return 1;
	if (never)
		sum += guarded;
	if (level == LOUD)
		sum += letter;
	if (version >= 0x50800)
		sum += second(passed);
	bpf_trace_printk(text, sizeof(text), sum);
	return sum + cfg.mode + indexed[sum & 3] + table[sum & 3] + table[2];
}

#ifdef OUTSIDE
const volatile int kind = 0;
static long (*bpf_get_current_comm)(char *, __u32) = (void *)16;
static long (*bpf_probe_read_kernel)(void *, __u32, const void *) = (void *)113;

SEC("socket")
int outside(void *ctx)
{
	__u32 copy = 0;
	volatile __u32 *behind = writable;
	const volatile __u32 *p = last;
	const volatile __u8 *q = (const volatile __u8 *)last;

	switch (kind) {
	case 1: /* Behind the section. */
		return p[9];
	case 2: /* Before it. */
		return *(const volatile __u32 *)((const volatile char *)&deny - 4);
	case 3: /* Half of it behind. */
		return *(const volatile __u64 *)(q + 8);
	case 4: /* The address alone is refused. */
		asm volatile("%0 = last + 1600 ll" : "=r"(p));
		return bpf_trace_printk(text, sizeof(text), p);
	case 5: /* A section that can be written. */
		return behind[7];
	case 6:
		behind[5] = 1;
		return 0;
	case 7: /* All these are within. */
		return p[1] + *(const volatile __u32 *)(q + 4) + behind[1];
	case 8: /* A helper reads behind the section. */
		return 3 * bpf_trace_printk((const char *)last, 20);
	case 9: /* At least so many bytes. */
		return 5 ^ bpf_trace_printk((const char *)last, (behind[0] & 7) + 16);
	case 10: /* A helper writes behind it. */
		return -bpf_get_current_comm((char *)&writable[1], 8);
	case 11: /* A helper may read from any address; all or nothing; within. */
		bpf_probe_read_kernel(&copy, sizeof(copy), (const char *)last + 64);
		bpf_trace_printk((const char *)last + 8, behind[0] & 7);
		bpf_trace_printk((const char *)last, 8);
		return copy + bpf_get_current_comm((char *)writable, 8);
	}
	return 0;
}
#endif

char _license[] SEC("license") = "GPL";
