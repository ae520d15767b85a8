/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An agent that folds its programs at start-up, by a skeleton of libbpf:
 *
 *     agent [plain|fold|keep]
 *
 * It loads the programs and says what the kernel has got. It attaches nothing.
 */
#include <stdio.h>
#include <string.h>

#include "bpfold_skel.h"
#include "trace_agent.skel.h"

static void show(struct bpf_object *obj)
{
	struct bpf_program *prog;
	struct bpf_map *map;

	bpf_object__for_each_program(prog, obj) {
		printf("program %s: ", bpf_program__name(prog));
		if (bpf_program__fd(prog) < 0)
			printf("not loaded\n");
		else
			printf("%zu instructions\n", (size_t)bpf_program__insn_cnt(prog));
	}
	bpf_object__for_each_map(map, obj)
		printf("map %s: %s, %u entries\n", bpf_map__name(map),
		       bpf_map__fd(map) < 0 ? "not created" : "created", bpf_map__max_entries(map));
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "fold";
	struct bpfold_skel_opts opts = { .sz = sizeof(opts) };
	struct trace_agent *skel;
	int err = 0;

	skel = trace_agent__open();
	if (!skel) {
		fprintf(stderr, "cannot open the skeleton\n");
		return 1;
	}
	skel->rodata->targ_pid = 4711;
	skel->rodata->count_only = false;
	bpf_map__set_max_entries(skel->maps.starts, 64);

	opts.keep_interface = !strcmp(mode, "keep");
	if (strcmp(mode, "plain"))
		err = bpfold_skeleton(skel->skeleton, &opts);
	if (!err)
		err = trace_agent__load(skel);
	if (err)
		fprintf(stderr, "failed: %d\n", err);
	else
		show(skel->obj);
	printf("counts is %s, rodata is %s\n", skel->maps.counts ? "there" : "gone",
	       skel->rodata ? "there" : "gone");
	trace_agent__destroy(skel);
	return err != 0;
}
