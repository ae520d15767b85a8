// What libbpf makes of an object's CO-RE records: `relocate OBJECT BTF [MODULE]` prints a line
// for each record that libbpf looked at:
//     SECTION NUMBER imm VALUE | off VALUE [SIZE] | poison | error
// VALUE is what the instruction has afterwards, as libbpf prints it: 64 bits, unsigned.
//
// No kernel is asked: every bpf(2) call gets an open file and says that it worked. With MODULE,
// the running kernel seems to have the types in BTF, and one module with the types in MODULE.
//     cc -O1 relocate.c -o relocate -ldl -lbpf -lelf -lz
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *kernel_path;
static char *module_bytes;
static size_t module_size;
static int module_fd = -1;

// The kernel's own types are a file of which libbpf knows the name.
static const char *redirected(const char *path)
{
	return kernel_path && !strcmp(path, "/sys/kernel/btf/vmlinux") ? kernel_path : path;
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
	return next(redirected(path), mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	return next(redirected(path), flags, 0600);
}

int open64(const char *path, int flags, ...)
{
	return open(path, flags);
}

static void read_module(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		exit(2);
	module_bytes = malloc(1 << 24);
	module_size = fread(module_bytes, 1, 1 << 24, file);
	fclose(file);
}

static void tell_of_module(union bpf_attr *attr)
{
	struct bpf_btf_info *info = (void *)(long)attr->info.info;
	if (info->btf && info->btf_size)
		memcpy((void *)(long)info->btf, module_bytes,
		       info->btf_size < module_size ? info->btf_size : module_size);
	if (info->name && info->name_len > 6)
		strcpy((void *)(long)info->name, "module");
	info->btf_size = module_size;
	info->id = 2;
	info->kernel_btf = 1;
}

long syscall(long number, ...)
{
	va_list args;
	va_start(args, number);
	long a = va_arg(args, long), b = va_arg(args, long), c = va_arg(args, long);
	long d = va_arg(args, long), e = va_arg(args, long), f = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf) {
		switch (a) {
		case BPF_MAP_CREATE:
		case BPF_PROG_LOAD:
		case BPF_BTF_LOAD:
		case BPF_LINK_CREATE:
			return open("/dev/null", O_RDONLY | O_CLOEXEC);
		case BPF_BTF_GET_NEXT_ID:
			if (module_bytes && ((union bpf_attr *)b)->start_id < 2) {
				((union bpf_attr *)b)->next_id = 2;
				return 0;
			}
			errno = ENOENT;
			return -1;
		case BPF_BTF_GET_FD_BY_ID:
			module_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
			return module_fd;
		case BPF_OBJ_GET_INFO_BY_FD:
			if (module_fd >= 0 && (int)((union bpf_attr *)b)->info.bpf_fd == module_fd)
				tell_of_module((union bpf_attr *)b);
		}
		return 0;
	}
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	if (result < 0) {
		errno = -result;
		return -1;
	}
	return result;
}

static char section[256], pending[512];
static int pending_relo = -1;

static void flush(void)
{
	if (pending_relo >= 0)
		printf("%s %d %s\n", section, pending_relo, pending);
	pending_relo = -1;
}

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[4096];
	vsnprintf(line, sizeof(line), format, args);
	char *at = strstr(line, "sec '");
	if (at == strstr(line, "sec '") && strstr(line, " CO-RE relocations")) {
		flush();
		sscanf(line, "libbpf: sec '%255[^']", section);
		sscanf(line, "sec '%255[^']", section);
		return 0;
	}
	int relo, insn, from, to;
	unsigned long long old, new;
	at = strstr(line, "': relo #");
	if (!at || sscanf(at, "': relo #%d:", &relo) != 1)
		return 0;
	at = strchr(at + 9, ':') + 2;
	if (sscanf(at, "patched insn #%d (ALU/ALU64) imm %llu -> %llu", &insn, &old, &new) == 3 ||
	    sscanf(at, "patched insn #%d (LDIMM64) imm64 %llu -> %llu", &insn, &old, &new) == 3) {
		flush();
		pending_relo = relo;
		snprintf(pending, sizeof(pending), "imm %llu", new);
	} else if (sscanf(at, "patched insn #%d (LDX/ST/STX) off %llu -> %llu", &insn, &old, &new) == 3) {
		flush();
		pending_relo = relo;
		snprintf(pending, sizeof(pending), "off %llu", new);
	} else if (sscanf(at, "patched insn #%d (LDX/ST/STX) mem_sz %d -> %d", &insn, &from, &to) == 3) {
		snprintf(pending + strlen(pending), sizeof(pending) - strlen(pending), " %d", to);
	} else if (strstr(at, "substituting insn #")) {
		if (pending_relo != relo)
			flush();
		pending_relo = relo;
		strcpy(pending, "poison");
	} else if (strstr(at, "failed to relocate") || strstr(at, "failed to patch")) {
		flush();
		pending_relo = relo;
		strcpy(pending, "error");
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
		return 2;
	libbpf_set_print(print);
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = argv[2],
		    .kconfig = "CONFIG_BPFOLD=y\n");
	if (argc == 4) {
		kernel_path = argv[2];
		opts.btf_custom_path = NULL;
		read_module(argv[3]);
	}
	struct bpf_object *object = bpf_object__open_file(argv[1], &opts);
	if (!object)
		return 1;
	int err = bpf_object__load(object);
	flush();
	printf("end %d\n", err);
	return 0;
}
