// Read-only variables of every shape. Built by build-variables.sh beside this file.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;

#define SEC(name) __attribute__((section(name), used))

enum mode { MODE_OFF, MODE_FAST = 5, MODE_SAFE = -1 };
enum big { BIG_LOW, BIG_HIGH = 0x123456789abcULL };

struct flags {
	__u32 low : 3;
	__u32 middle : 7;
	__s32 sign : 4;
	__u32 high : 18;
};

struct port {
	__u16 number;
	__u8 kind;
};

struct config {
	enum mode mode;
	_Bool on;
	char name[8];
	struct port ports[3];
	struct flags flags;
	union {
		__u32 word;
		struct {
			__u16 first;
			__u16 second;
		};
	};
	const char *text;
	__u64 limit;
};

const volatile __u32 plain = 7;
const volatile __s32 negative = -2;
const volatile _Bool enabled;
const volatile enum mode mode = MODE_FAST;
const volatile enum big big = BIG_HIGH;
const volatile char name[16] = "eth0";
const volatile __u16 ports[4] = { 80, 443 };
const volatile __u8 matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
const volatile struct config config = {
	.mode = MODE_SAFE,
	.on = 1,
	.name = "all",
	.ports = { { 22, 1 }, { 23, 2 } },
	.flags = { .low = 5, .middle = 100, .sign = -3, .high = 0x2aaaa },
	.word = 0x01020304,
	.limit = 1ULL << 40,
};
const volatile double ratio = 0.5;
const volatile __u32 custom SEC(".rodata.custom") = 9;
static const volatile __u32 hidden = 11;
static const __u32 table[4] = { 1, 2, 4, 8 };
const __u32 constant = 13;
__u32 writable = 1;
__u32 zeroed;
extern const int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));

SEC("socket") int program(void *context)
{
	static const volatile __u32 local = 12;
	__u64 at = (__u64)context & 3;

	return plain + negative + enabled + mode + big + name[at] + ports[at] + matrix[1][at & 1] +
	       config.mode + config.flags.low + custom + hidden + local +
	       ((const volatile __u32 *)table)[at] + *(const volatile __u32 *)&constant + writable +
	       zeroed++ + LINUX_KERNEL_VERSION + *(const volatile __u64 *)&ratio;
}
