/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Folds an object file: fold OBJECT OUTPUT [NAME=VALUE...] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpfold.h"

static void *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	long length;

	if (!file)
		return NULL;
	if (!fseek(file, 0, SEEK_END) && (length = ftell(file)) > 0 && !fseek(file, 0, SEEK_SET)) {
		bytes = malloc(length);
		*size = length;
		if (bytes && fread(bytes, 1, length, file) != (size_t)length) {
			free(bytes);
			bytes = NULL;
		}
	}
	fclose(file);
	return bytes;
}

static int failed(char *error)
{
	fprintf(stderr, "error: %s\n", error ? error : "no memory");
	bpfold_string_free(error);
	return 1;
}

int main(int argc, char **argv)
{
	bpfold_result *result;
	const void *folded;
	char *error = NULL;
	bpfold *fold;
	size_t size = 0;
	void *bytes;
	FILE *out;
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: %s OBJECT OUTPUT [NAME=VALUE...]\n", argv[0]);
		return 2;
	}
	bytes = read_file(argv[1], &size);
	if (!bytes) {
		fprintf(stderr, "error: cannot read %s\n", argv[1]);
		return 1;
	}
	fold = bpfold_open(bytes, size, &error);
	free(bytes);
	if (!fold)
		return failed(error);
	for (i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value)
			*value++ = '\0';
		if (bpfold_set(fold, argv[i], value ? value : "", &error)) {
			bpfold_free(fold);
			return failed(error);
		}
	}
	bpfold_freeze_all(fold, NULL);
	result = bpfold_run(fold, &error);
	bpfold_free(fold);
	if (!result)
		return failed(error);
	fputs(bpfold_result_text(result), stdout);
	folded = bpfold_result_bytes(result, &size);
	out = fopen(argv[2], "wb");
	if (!out || fwrite(folded, 1, size, out) != size || fclose(out)) {
		fprintf(stderr, "error: cannot write %s\n", argv[2]);
		bpfold_result_free(result);
		return 1;
	}
	bpfold_result_free(result);
	return 0;
}
