/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Folds programs where libbpf hands them to the kernel: streams OBJECT...
 *
 * Each program of each object is loaded by libbpf, once as it is and once with its instructions and
 * records folded in prog_prepare_load_fn, with every map frozen that programs only read. Programs
 * that can be run answer the same packets both times. Prints what differs, and totals.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpfold.h"

#define RUNS 16
#define MAPS 64

static struct {
	unsigned tried, loaded, folded, changed, refused, lost, less, runs, differ;
	unsigned long before, after;
} total;

static bool folding;
static bool was_changed;

/* The slots of subprograms whose type is static. */
static size_t find_statics(const struct btf *btf, const void *records, unsigned count,
			   unsigned size, unsigned *statics)
{
	size_t found = 0;
	unsigned i;

	for (i = 0; btf && i < count; i++) {
		const unsigned *record = (const void *)((const char *)records + (size_t)i * size);
		const struct btf_type *type = btf__type_by_id(btf, record[1]);

		if (type && BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    (type->info & 0xffff) == BTF_FUNC_STATIC)
			statics[found++] = record[0];
	}
	return found;
}

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	static bpfold_stream *last;
	struct bpf_object *obj = (struct bpf_object *)*(void **)cookie;
	bpfold_records func_info = { opts->func_info, opts->func_info_cnt, opts->func_info_rec_size };
	bpfold_records line_info = { opts->line_info, opts->line_info_cnt, opts->line_info_rec_size };
	size_t count = bpf_program__insn_cnt(prog), now, maps = 0, statics_count;
	unsigned *statics = calloc(opts->func_info_cnt + 1, sizeof(*statics));
	bpfold_map finals[MAPS];
	struct bpf_map *map;
	bpfold_stream *stream;
	const void *insns;
	char *error = NULL;

	if (!folding) {
		free(statics);
		return 0;
	}
	bpf_object__for_each_map(map, obj) {
		size_t size = 0;
		const void *bytes;

		if (!bpf_map__is_internal(map) || !strstr(bpf_map__name(map), ".rodata") || maps == MAPS)
			continue;
		bytes = bpf_map__initial_value(map, &size);
		if (bytes)
			finals[maps++] = (bpfold_map){ bpf_map__fd(map), false, bytes, size };
	}
	statics_count = find_statics(bpf_object__btf(obj), opts->func_info, opts->func_info_cnt,
				     opts->func_info_rec_size, statics);
	stream = bpfold_stream_fold(bpf_program__insns(prog), count, finals, maps, &func_info, &line_info,
				    statics, statics_count, &error);
	free(statics);
	if (!stream) {
		total.refused++;
		printf("REFUSED %s: %s\n", bpf_program__name(prog), error);
		bpfold_string_free(error);
		return 0;
	}
	total.folded++;
	total.less += bpfold_stream_less(stream) != 0;
	insns = bpfold_stream_insns(stream, &now);
	was_changed = now != count || memcmp(insns, bpf_program__insns(prog), count * 8);
	total.changed += was_changed;
	total.before += count;
	total.after += now;
	/* libbpf copies the instructions, but not the records: they live until the next program. */
	if (bpf_program__set_insns(prog, (struct bpf_insn *)insns, now))
		return -ENOMEM;
	opts->func_info = bpfold_stream_func_info(stream, &now);
	opts->func_info_cnt = now;
	opts->line_info = bpfold_stream_line_info(stream, &now);
	opts->line_info_cnt = now;
	bpfold_stream_free(last);
	last = stream;
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

/*
 * Puts our function in the way of a section's programs. Handlers stay: libbpf 1.1 frees its list
 * twice if the last one goes.
 */
static int put_in_the_way(const char *section, enum bpf_prog_type type, enum bpf_attach_type attach,
			  long cookie)
{
	static char *known[4096];
	static int count;
	int i, err;

	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare,
		    .cookie = cookie);
	for (i = 0; i < count; i++) {
		if (!strcmp(known[i], section))
			return 0;
	}
	if (count == 4096)
		return -E2BIG;
	err = libbpf_register_prog_handler(section, type, attach, &opts);
	if (err >= 0)
		known[count++] = strdup(section);
	return err;
}

static bool can_run(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS ||
	       type == BPF_PROG_TYPE_SCHED_ACT || type == BPF_PROG_TYPE_SOCKET_FILTER ||
	       type == BPF_PROG_TYPE_CGROUP_SKB;
}

/* What a program answers to packets that are the same each time. */
static unsigned long run(int fd)
{
	unsigned long hash = 1469598103934665603ul;
	unsigned seed = 1, packet, i;
	unsigned char in[256], out[512];

	for (packet = 0; packet < RUNS; packet++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = 64 + packet * 8,
			    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
		int err;

		for (i = 0; i < sizeof(in); i++)
			in[i] = (seed = seed * 1103515245 + 12345) >> 16;
		in[12] = packet % 2 ? 0x08 : 0x86;
		in[13] = packet % 2 ? 0x00 : 0xdd;
		in[14] = packet % 2 ? 0x45 : 0x60;
		err = bpf_prog_test_run_opts(fd, &opts);
		hash = (hash ^ (err ? 0x1000 : opts.retval)) * 1099511628211ul;
		for (i = 0; !err && i < opts.data_size_out && i < sizeof(out); i++)
			hash = (hash ^ out[i]) * 1099511628211ul;
	}
	return hash;
}

/* Loads one program of an object; its answer, if it can be run. */
static int load(const char *path, int at, bool fold, unsigned long *answer, char *name, size_t size)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog, *wanted = NULL;
	struct bpf_map *map;
	static void *cookie_object;
	int i = 0, err;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	char section[256];

	if (!obj)
		return -errno;
	bpf_object__for_each_program(prog, obj) {
		if (i++ == at)
			wanted = prog;
	}
	if (!wanted) {
		bpf_object__close(obj);
		return -ENOENT;
	}
	type = bpf_program__type(wanted);
	attach = bpf_program__expected_attach_type(wanted);
	snprintf(section, sizeof(section), "%s", bpf_program__section_name(wanted));
	snprintf(name, size, "%s", bpf_program__name(wanted));
	bpf_object__close(obj);
	/* Types whose loading needs what libbpf's own handlers find out. */
	if (type == BPF_PROG_TYPE_UNSPEC || type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
	    type == BPF_PROG_TYPE_EXT || type == BPF_PROG_TYPE_STRUCT_OPS)
		return -EOPNOTSUPP;

	if (put_in_the_way(section[0] == '?' ? section + 1 : section, type, attach,
			   (long)&cookie_object) < 0)
		return -EOPNOTSUPP;
	obj = bpf_object__open_file(path, NULL);
	i = 0;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, i++ == at);
	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL);
	cookie_object = obj;
	folding = fold;
	err = bpf_object__load(obj);
	if (!err && can_run(type)) {
		i = 0;
		bpf_object__for_each_program(prog, obj) {
			if (i++ == at)
				*answer = run(bpf_program__fd(prog));
		}
	}
	bpf_object__close(obj);
	return err;
}

int main(int argc, char **argv)
{
	int i, at;

	libbpf_set_print(quiet);
	for (i = 1; i < argc; i++) {
		for (at = 0;; at++) {
			unsigned long before = 0, after = 0;
			char name[256] = "";
			int err = load(argv[i], at, false, &before, name, sizeof(name));

			if (!name[0])
				break;
			if (err == -EOPNOTSUPP)
				continue;
			total.tried++;
			if (err)
				continue;
			total.loaded++;
			was_changed = false;
			err = load(argv[i], at, true, &after, name, sizeof(name));
			if (err) {
				total.lost++;
				printf("LOST %s %s: %d\n", argv[i], name, err);
			} else if (before) {
				total.runs++;
				if (before != after) {
					total.differ++;
					printf("DIFFERS %s %s\n", argv[i], name);
				}
			}
		}
	}
	printf("%u programs tried, %u load, %u folded, %u changed, %u refused, %u not wholly proven, "
	       "%u lost; %u run, %u differ; %lu of %lu instructions left\n",
	       total.tried, total.loaded, total.folded, total.changed, total.refused, total.less,
	       total.lost, total.runs, total.differ, total.after, total.before);
	return total.lost || total.differ;
}
