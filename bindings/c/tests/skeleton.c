/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opens a folded object by a skeleton of the original: skeleton FOLDED [load] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include SKELETON

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

int main(int argc, char **argv)
{
	struct NAME *skel = calloc(1, sizeof(*skel));
	size_t size;
	char *bytes = malloc(64 << 20);
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	int err, i;

	if (!file || !bytes || !skel)
		return 2;
	size = fread(bytes, 1, 64 << 20, file);
	fclose(file);
	if (JOIN(NAME, __create_skeleton)(skel))
		return 2;
	skel->skeleton->data = bytes;
	skel->skeleton->data_sz = size;
	err = bpf_object__open_skeleton(skel->skeleton, NULL);
	if (err) {
		fprintf(stderr, "cannot open: %d\n", err);
		return 1;
	}
	for (i = 0; i < skel->skeleton->map_cnt; i++) {
		struct bpf_map_skeleton *map = &skel->skeleton->maps[i];

		if (!*map->map || (map->mmaped && !strstr(map->name, "kconfig") && !*map->mmaped)) {
			fprintf(stderr, "%s is NULL\n", map->name);
			return 1;
		}
	}
	for (i = 0; i < skel->skeleton->prog_cnt; i++) {
		if (!*skel->skeleton->progs[i].prog)
			return 1;
	}
	printf("%d maps, %d programs\n", skel->skeleton->map_cnt, skel->skeleton->prog_cnt);
	return 0;
}
