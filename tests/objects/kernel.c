/* Undefined symbols of every kind that loaders fill in. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern bool CONFIG_BOOL __kconfig __weak;
extern enum libbpf_tristate CONFIG_TRISTATE __kconfig __weak;
extern char CONFIG_CHAR __kconfig __weak;
extern unsigned char CONFIG_U8 __kconfig __weak;
extern short CONFIG_S16 __kconfig __weak;
extern unsigned int CONFIG_U32 __kconfig __weak;
extern unsigned long long CONFIG_U64 __kconfig __weak;
extern char CONFIG_STRING[8] __kconfig __weak;
extern int CONFIG_STRONG __kconfig;

extern const void typeless __ksym __weak;
extern const int typed __ksym __weak;
extern int kfunc(int a) __ksym __weak;
extern int kfunc___flavor(int a) __ksym __weak;

SEC("socket")
int options(void *ctx)
{
	volatile unsigned long long sum = 0;

	sum = LINUX_KERNEL_VERSION;
	sum = LINUX_HAS_BPF_COOKIE;
	sum = LINUX_HAS_SYSCALL_WRAPPER;
	sum = CONFIG_BOOL;
	sum = CONFIG_TRISTATE;
	sum = CONFIG_CHAR;
	sum = CONFIG_U8;
	sum = CONFIG_S16;
	sum = CONFIG_U32;
	sum = CONFIG_U64;
	sum = *(volatile unsigned long long *)CONFIG_STRING;
	return 0;
}

SEC("socket")
int strong(void *ctx)
{
	return CONFIG_BOOL ? CONFIG_STRONG : 1;
}

SEC("socket")
int symbols(void *ctx)
{
	int found = 0;

	if (&typeless)
		found |= 1;
	if (&typed)
		found |= 2;
	if (kfunc___flavor)
		found |= 4;
	return found;
}

SEC("socket")
int calls(void *ctx)
{
	return kfunc(1);
}

SEC("socket")
int helper(void *ctx)
{
	return bpf_ktime_get_tai_ns();
}

char LICENSE[] SEC("license") = "GPL";
