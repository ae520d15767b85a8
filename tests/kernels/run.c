// Loads each object and runs its first program once on a packet of 64 zero bytes:
//     run RELEASE NAME=OBJECT...
// prints `NAME RESULT`, the result in hexadecimal or why there is none. RELEASE (6.1.192) is put
// into the variable kernel_version if the object still has it.
//     cc -O1 -static run.c -o run -lbpf -lelf -lz
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char why[256];

// Keeps what the verifier says last before its statistics, or else the first warning.
static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	static char text[1 << 16];
	if (level != LIBBPF_WARN || vsnprintf(text, sizeof(text), format, args) < 0)
		return 0;
	char *last = NULL;
	if (strstr(text, "BEGIN PROG LOAD LOG")) {
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			if (!strncmp(line, "processed ", 10) && last)
				snprintf(why, sizeof(why), "%s", last);
			last = line;
		}
	}
	if (!*why)
		snprintf(why, sizeof(why), "%.*s", (int)strcspn(text, "\n"), text);
	return 0;
}

// Gives a variable of .rodata a value, as a loader does before it loads.
static void set(struct bpf_object *object, const char *name, unsigned value)
{
	struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;
	int section = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	if (section < 0)
		return;
	const struct btf_type *type = btf__type_by_id(btf, section);
	const struct btf_var_secinfo *var = btf_var_secinfos(type);
	for (int i = 0; i < btf_vlen(type); i++, var++) {
		const struct btf_type *decl = btf__type_by_id(btf, var->type);
		if (strcmp(btf__name_by_offset(btf, decl->name_off), name))
			continue;
		bpf_object__for_each_map(map, object) {
			size_t size;
			char *data = (char *)bpf_map__initial_value(map, &size);
			const char *dot = strrchr(bpf_map__name(map), '.');
			if (data && dot && !strcmp(dot, ".rodata"))
				memcpy(data + var->offset, &value, sizeof(value));
		}
	}
}

static int run(const char *path, unsigned version, unsigned *result)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	if (!object)
		return -1;
	set(object, "kernel_version", version);
	int err = bpf_object__load(object);
	struct bpf_program *program = bpf_object__next_program(object, NULL);
	if (!err && program)
		err = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	*result = opts.retval;
	bpf_object__close(object);
	return err;
}

int main(int argc, char **argv)
{
	unsigned a = 0, b = 0, c = 0, result;
	if (argc < 2 || sscanf(argv[1], "%u.%u.%u", &a, &b, &c) < 2)
		return 2;
	libbpf_set_print(print);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	for (int i = 2; i < argc; i++) {
		char *path = strchr(argv[i], '=');
		if (!path)
			return 2;
		*path++ = 0;
		*why = 0;
		if (run(path, a << 16 | b << 8 | (c > 255 ? 255 : c), &result))
			printf("%s refused: %s\n", argv[i], why);
		else
			printf("%s %#x\n", argv[i], result);
		fflush(stdout);
	}
	return 0;
}
