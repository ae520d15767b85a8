// Read-only variables for values in every form. Built by build-values.sh beside this file.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;

#define SEC(name) __attribute__((section(name), used))

enum mode { MODE_OFF, MODE_FAST = 5, MODE_SAFE = 9 };
enum flag { FLAG_A = 1, FLAG_B = 2, FLAG_C = 8 };

struct in6 {
	union {
		__u8 bytes[16];
		__u32 words[4];
	};
};

struct peer {
	__u8 mac[6];
	__u16 port;
	char name[8];
};

struct limits {
	__u32 nports;
	_Bool strict;
};

struct config {
	enum mode mode;
	__u32 address;
	struct peer peers[2];
	struct limits limits;
};

const volatile __u8 small;
const volatile __u16 port;
const volatile __u32 address;
const volatile __u32 kernel_version;
const volatile __u64 wide;
const volatile __s64 offset;
const volatile _Bool enabled;
const volatile enum mode mode;
const volatile enum flag flags;
const volatile __u8 mac[6];
const volatile __u8 address_bytes[4];
const volatile __u32 address6[4];
const volatile struct in6 server;
const volatile char name[16] = "eth0";
const volatile struct config cfg;
const volatile __u32 unread;
static const char ____fmt[] = "made by the compiler %d";

static long (*const trace_printk)(const char *fmt, __u32 size, ...) = (void *)6;

SEC("socket") int program(void *context)
{
	trace_printk(____fmt, sizeof(____fmt), mode);
	return small + port + address + kernel_version + wide + offset + enabled + mode + flags +
	       mac[1] + address_bytes[1] + address6[1] + server.words[1] + name[1] + cfg.mode +
	       cfg.address + cfg.peers[1].mac[0] + cfg.peers[0].port + cfg.peers[1].name[0] +
	       cfg.limits.nports + cfg.limits.strict;
}

char _license[] SEC("license") = "GPL";
