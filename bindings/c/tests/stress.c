/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Folds an object many times, by several threads, and with wrong input: stress OBJECT FOLDS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpfold.h"

#define THREADS 4

static char *object;
static size_t object_size;
static int folds;

#define CHECK(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			exit(1); \
		} \
	} while (0)

static bpfold_result *fold_once(const char *debug)
{
	bpfold *fold = bpfold_open(object, object_size, NULL);
	bpfold_result *result;

	CHECK(fold);
	CHECK(!bpfold_set(fold, "cfg.debug", debug, NULL));
	CHECK(!bpfold_freeze_all(fold, NULL));
	result = bpfold_run(fold, NULL);
	CHECK(result);
	bpfold_free(fold);
	return result;
}

/* The same bytes each time, whatever other threads do. */
static void *work(void *debug)
{
	bpfold_result *first = fold_once(debug);
	size_t first_size, size;
	const void *first_bytes = bpfold_result_bytes(first, &first_size);
	int i;

	for (i = 0; i < folds / THREADS; i++) {
		bpfold_result *result = fold_once(debug);
		const void *bytes = bpfold_result_bytes(result, &size);

		CHECK(size == first_size && !memcmp(bytes, first_bytes, size));
		bpfold_result_free(result);
	}
	bpfold_result_free(first);
	return NULL;
}

static long resident(void)
{
	long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file) {
		if (fscanf(file, "%ld %ld", &size, &pages) != 2)
			pages = 0;
		fclose(file);
	}
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run_threads(void)
{
	static char *debug[] = { "true", "false" };
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, debug[i % 2]));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void expect(char *error, const char *part)
{
	if (!error || !strstr(error, part)) {
		fprintf(stderr, "expected \"%s\", got \"%s\"\n", part, error ? error : "nothing");
		exit(1);
	}
	bpfold_string_free(error);
}

static void wrong_input(void)
{
	char *error = NULL;
	bpfold *fold;
	size_t size;
	size_t i;

	CHECK(!bpfold_open(NULL, 5, &error));
	expect(error, "bytes is NULL");
	CHECK(!bpfold_open("no object", 9, &error));
	expect(error, "ELF");
	CHECK(!bpfold_open(object, object_size / 2, &error));
	expect(error, "");
	for (i = 0; i < object_size; i += 97) {
		char *damaged = malloc(object_size);

		memcpy(damaged, object, object_size);
		damaged[i] ^= 0x55;
		fold = bpfold_open(damaged, object_size, NULL);
		free(damaged);
		if (fold) {
			bpfold_freeze_all(fold, NULL);
			bpfold_result_free(bpfold_run(fold, NULL));
			bpfold_free(fold);
		}
	}
	CHECK(bpfold_set(NULL, "a", "b", &error) < 0);
	expect(error, "fold is NULL");
	CHECK(!bpfold_run(NULL, &error));
	expect(error, "fold is NULL");

	fold = bpfold_open(object, object_size, &error);
	CHECK(fold && !error);
	CHECK(bpfold_set(fold, NULL, "b", &error) < 0);
	expect(error, "name is NULL");
	CHECK(bpfold_set(fold, "\xff", "b", &error) < 0);
	expect(error, "name is not UTF-8");
	CHECK(bpfold_set(fold, "nothing", "1", &error) < 0);
	expect(error, "nothing");
	CHECK(bpfold_set(fold, "cfg.debug", "maybe", NULL) < 0);
	CHECK(bpfold_section(fold, ".rodata", "short", 5, &error) < 0);
	expect(error, "5 bytes");
	CHECK(bpfold_entry(fold, "nobody", &error) < 0);
	expect(error, "nobody");
	CHECK(bpfold_kernel_version(fold, "six", &error) < 0);
	expect(error, "six");
	CHECK(bpfold_core(fold, 7, &error) < 0);
	expect(error, "7");
	/* What failed has changed nothing, and the handle still works. */
	CHECK(!bpfold_set(fold, "cfg.debug", "false", &error) && !error);
	CHECK(!bpfold_freeze_all(fold, &error));
	bpfold_result *result = bpfold_run(fold, &error);
	CHECK(result && !error);
	CHECK(!strcmp(bpfold_result_name(result, BPFOLD_LIST_DROPPED_MAPS, 0), "events_perf"));
	CHECK(!bpfold_result_name(result, BPFOLD_LIST_UNNEEDED_MAPS, 0));
	CHECK(!bpfold_result_name(result, 99, 0));
	CHECK(bpfold_result_instructions_after(result) < bpfold_result_instructions_before(result));
	CHECK(strstr(bpfold_result_json(result), "\"functions\""));
	/* Again, with more said. */
	CHECK(!bpfold_keep_interface(fold, &error));
	bpfold_result *kept = bpfold_run(fold, &error);
	CHECK(kept && bpfold_result_name(kept, BPFOLD_LIST_UNNEEDED_MAPS, 0));
	CHECK(bpfold_result_bytes(kept, &size) && size);
	bpfold_result_free(kept);
	bpfold_result_free(result);
	bpfold_free(fold);
	bpfold_free(NULL);
	bpfold_result_free(NULL);
	bpfold_string_free(NULL);
}

int main(int argc, char **argv)
{
	long before;
	FILE *file;

	CHECK(argc == 3);
	folds = atoi(argv[2]);
	file = fopen(argv[1], "rb");
	CHECK(file);
	object = malloc(1 << 20);
	object_size = fread(object, 1, 1 << 20, file);
	fclose(file);
	wrong_input();
	run_threads();
	before = resident();
	run_threads();
	printf("%d folds, %ld kB before, %ld kB after\n", 2 * folds, before, resident());
	/* What threads leave to the allocator differs a little from run to run. */
	CHECK(resident() < before + before / 4 + 4096);
	free(object);
	return 0;
}
