/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Folds the object of a libbpf skeleton with the values that were given to it.
 *
 *     skel = agent__open();
 *     skel->rodata->cfg.debug = false;
 *     err = bpfold_skeleton(skel->skeleton, NULL);
 *     err = agent__load(skel);
 *
 * Call it after open() and after the writes to skel->rodata, and before load(). All of every
 * read-only section becomes final as it is then. Programs whose autoload is off are dropped.
 *
 * The object is opened again. What was set on its maps and programs before is carried over:
 * sizes, flags and the like of maps, initial values of writable sections, pins, reused file
 * descriptors, autocreate; of programs autoload, autoattach, type, attach type, flags and logs.
 * What libbpf has no getter for must be set after this call: bpf_program__set_attach_target(),
 * bpf_map__set_inner_map_fd(), bpf_map__set_ifindex() of programs. Objects with struct_ops maps are
 * refused, since the skeleton has pointers into them.
 *
 * Afterwards the pointers in the skeleton of maps and programs that are no longer there are NULL,
 * and so are those to sections that are no longer there (skel->rodata). With keep_interface
 * everything stays; maps that no program needs are then not created, programs that are dead not
 * loaded.
 *
 * Needs libbpf 1.0 or later. Link with -lbpfold.
 */
#ifndef BPFOLD_SKEL_H
#define BPFOLD_SKEL_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpfold.h"

struct bpfold_skel_opts {
	/* sizeof(struct bpfold_skel_opts), so that fields can be added. */
	size_t sz;
	/* What the skeleton was opened with. */
	const struct bpf_object_open_opts *open;
	/* Keep every map, program and variable (bpfold_keep_interface()). */
	bool keep_interface;
	/* Changes more about the fold, such as bpfold_kernel_version(); what it gives below 0 ends
	 * the call. */
	int (*configure)(bpfold *fold, void *ctx, char **error);
	void *ctx;
	/* Gets the result, which the caller frees with bpfold_result_free(). */
	bpfold_result **result;
	/* Gets a message if something failed, which the caller frees with bpfold_string_free();
	 * without it the message goes to standard error. */
	char **error;
};

static inline int bpfold_skel__tell(const struct bpfold_skel_opts *opts, int err, char *message)
{
	if (message && opts && opts->error) {
		*opts->error = message;
	} else if (message) {
		fprintf(stderr, "bpfold: %s\n", message);
		bpfold_string_free(message);
	}
	return err;
}

/* The section that an internal map is made of: NAME.rodata, or the section's own name. */
static inline const char *bpfold_skel__section(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) ? strstr(bpf_map__name(map), ".rodata") : NULL;
}

static inline int bpfold_skel__copy_map(struct bpf_map *from, struct bpf_map *to)
{
	size_t from_size = 0, to_size = 0;
	const char *old_pin = bpf_map__pin_path(from), *new_pin = bpf_map__pin_path(to);
	const void *value;
	int err = 0;

#define BPFOLD_COPY(what) \
	if (!err && bpf_map__##what(from) != bpf_map__##what(to)) \
	err = bpf_map__set_##what(to, bpf_map__##what(from))
	BPFOLD_COPY(type);
	BPFOLD_COPY(key_size);
	BPFOLD_COPY(value_size);
	BPFOLD_COPY(max_entries);
	BPFOLD_COPY(map_flags);
	BPFOLD_COPY(numa_node);
	BPFOLD_COPY(map_extra);
	BPFOLD_COPY(ifindex);
	BPFOLD_COPY(autocreate);
#undef BPFOLD_COPY
	if (!err && (!old_pin != !new_pin || (old_pin && strcmp(old_pin, new_pin))))
		err = bpf_map__set_pin_path(to, old_pin);
	/* Before load() only a map that is reused has a file descriptor. */
	if (!err && bpf_map__fd(from) >= 0)
		err = bpf_map__reuse_fd(to, bpf_map__fd(from));
	if (err || !bpf_map__is_internal(from) || bpfold_skel__section(from))
		return err;
	value = bpf_map__initial_value(from, &from_size);
	if (value && bpf_map__initial_value(to, &to_size) && from_size == to_size)
		memcpy((void *)bpf_map__initial_value(to, &to_size), value, from_size);
	return 0;
}

static inline int bpfold_skel__copy_program(struct bpf_program *from, struct bpf_program *to)
{
	char *log;
	size_t size = 0;
	int err = 0;

	if (bpf_program__autoload(from) != bpf_program__autoload(to))
		err = bpf_program__set_autoload(to, bpf_program__autoload(from));
	if (bpf_program__autoattach(from) != bpf_program__autoattach(to))
		bpf_program__set_autoattach(to, bpf_program__autoattach(from));
#define BPFOLD_COPY(what) \
	if (!err && bpf_program__##what(from) != bpf_program__##what(to)) \
	err = bpf_program__set_##what(to, bpf_program__##what(from))
	BPFOLD_COPY(type);
	BPFOLD_COPY(expected_attach_type);
	BPFOLD_COPY(flags);
	BPFOLD_COPY(log_level);
#undef BPFOLD_COPY
	log = (char *)bpf_program__log_buf(from, &size);
	if (!err && log)
		err = bpf_program__set_log_buf(to, log, size);
	return err;
}

static inline char *bpfold_skel__message(const char *what, const char *name, int err)
{
	size_t size = strlen(what) + strlen(name) + 128;
	/* Freed by bpfold_string_free() only if it is handed on, so it comes from the library. */
	char *text = (char *)malloc(size), *message;

	if (!text)
		return NULL;
	snprintf(text, size, "%s %s: %s", what, name, strerror(-err));
	message = bpfold_string_new(text);
	free(text);
	return message;
}

/* Opens the folded object and carries over what was set on the old one. */
static inline int bpfold_skel__reopen(struct bpf_object_skeleton *s,
				      const struct bpfold_skel_opts *opts,
				      const bpfold_result *folded, struct bpf_object **opened,
				      char **message)
{
	struct bpf_object_open_opts open = {};
	struct bpf_object *from = *s->obj, *to;
	struct bpf_program *prog, *old_prog;
	struct bpf_map *map, *old_map;
	const char *name;
	const void *bytes;
	size_t size, i;
	int err;

	open.sz = sizeof(open);
	if (opts && opts->open)
		memcpy(&open, opts->open, opts->open->sz < sizeof(open) ? opts->open->sz : sizeof(open));
	open.sz = sizeof(open);
	if (!open.object_name)
		open.object_name = s->name;
	bytes = bpfold_result_bytes(folded, &size);
	to = bpf_object__open_mem(bytes, size, &open);
	if (!to) {
		err = -errno;
		*message = bpfold_skel__message("cannot open the folded object of", s->name, err);
		return err;
	}
	*opened = to;
	bpf_object__for_each_map(map, to) {
		old_map = bpf_object__find_map_by_name(from, bpf_map__name(map));
		err = old_map ? bpfold_skel__copy_map(old_map, map) : 0;
		if (err) {
			*message = bpfold_skel__message("cannot carry over what was set on map",
							bpf_map__name(map), err);
			return err;
		}
	}
	bpf_object__for_each_program(prog, to) {
		old_prog = bpf_object__find_program_by_name(from, bpf_program__name(prog));
		err = old_prog ? bpfold_skel__copy_program(old_prog, prog) : 0;
		if (err) {
			*message = bpfold_skel__message("cannot carry over what was set on program",
							bpf_program__name(prog), err);
			return err;
		}
	}
	for (i = 0; (name = bpfold_result_name(folded, BPFOLD_LIST_UNNEEDED_MAPS, i)); i++) {
		map = bpf_object__find_map_by_name(to, name);
		if (map && !bpf_map__is_internal(map))
			bpf_map__set_autocreate(map, false);
	}
	for (i = 0; (name = bpfold_result_name(folded, BPFOLD_LIST_UNNEEDED_PROGRAMS, i)); i++) {
		prog = bpf_object__find_program_by_name(to, name);
		if (prog)
			bpf_program__set_autoload(prog, false);
	}
	return 0;
}

/* Lets the skeleton name what is in the new object, and only that. */
static inline void bpfold_skel__rebind(struct bpf_object_skeleton *s, struct bpf_object *to)
{
	size_t size;
	int i, kept;

	for (i = 0, kept = 0; i < s->map_cnt; i++) {
		char *at = (char *)s->maps + (size_t)i * s->map_skel_sz;
		struct bpf_map_skeleton *skel = (struct bpf_map_skeleton *)at;
		struct bpf_map *map = bpf_object__find_map_by_name(to, skel->name);

		*skel->map = map;
		if (skel->mmaped)
			*skel->mmaped = map ? (void *)bpf_map__initial_value(map, &size) : NULL;
		if (map)
			memmove((char *)s->maps + (size_t)kept++ * s->map_skel_sz, at, s->map_skel_sz);
	}
	s->map_cnt = kept;
	for (i = 0, kept = 0; i < s->prog_cnt; i++) {
		char *at = (char *)s->progs + (size_t)i * s->prog_skel_sz;
		struct bpf_prog_skeleton *skel = (struct bpf_prog_skeleton *)at;
		struct bpf_program *prog = bpf_object__find_program_by_name(to, skel->name);

		*skel->prog = prog;
		if (prog)
			memmove((char *)s->progs + (size_t)kept++ * s->prog_skel_sz, at, s->prog_skel_sz);
	}
	s->prog_cnt = kept;
	bpf_object__close(*s->obj);
	*s->obj = to;
}

static inline int bpfold_skel__fold(struct bpf_object_skeleton *s,
				    const struct bpfold_skel_opts *opts, bpfold *fold,
				    char **message)
{
	struct bpf_object *from = *s->obj, *to = NULL;
	struct bpf_program *prog;
	struct bpf_map *map;
	bpfold_result *folded;
	int err;

	bpf_object__for_each_map(map, from) {
		const char *section = bpfold_skel__section(map);
		const void *image;
		size_t size = 0;

		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) {
			*message = bpfold_skel__message("the skeleton has pointers into struct_ops map",
							bpf_map__name(map), -ENOTSUP);
			return -ENOTSUP;
		}
		image = section ? bpf_map__initial_value(map, &size) : NULL;
		if (image && bpfold_section(fold, section, image, size, message))
			return -EINVAL;
	}
	/* Sections that libbpf makes no map of. */
	if (bpfold_freeze_all(fold, message))
		return -EINVAL;
	bpf_object__for_each_program(prog, from) {
		if (!bpf_program__autoload(prog) && bpfold_drop(fold, bpf_program__name(prog), message))
			return -EINVAL;
	}
	if (opts && opts->keep_interface && bpfold_keep_interface(fold, message))
		return -EINVAL;
	if (opts && opts->configure) {
		err = opts->configure(fold, opts->ctx, message);
		if (err < 0)
			return err;
	}
	folded = bpfold_run(fold, message);
	if (!folded)
		return -EINVAL;
	err = bpfold_skel__reopen(s, opts, folded, &to, message);
	if (err && to)
		bpf_object__close(to);
	if (!err)
		bpfold_skel__rebind(s, to);
	if (!err && opts && opts->result)
		*opts->result = folded;
	else
		bpfold_result_free(folded);
	return err;
}

/*
 * Folds the object of an open skeleton that is not loaded yet. Gives 0, or a number below 0 as of
 * errno.h; the skeleton is then as it was, and can be loaded unfolded.
 */
static inline int bpfold_skeleton(struct bpf_object_skeleton *s,
				  const struct bpfold_skel_opts *opts)
{
	char *message = NULL;
	bpfold *fold;
	int err;

	if (!s || !s->obj || !*s->obj || (opts && opts->sz < sizeof(*opts)))
		return -EINVAL;
	fold = bpfold_open(s->data, s->data_sz, &message);
	err = fold ? bpfold_skel__fold(s, opts, fold, &message) : -EINVAL;
	bpfold_free(fold);
	return bpfold_skel__tell(opts, err, message);
}

#endif /* BPFOLD_SKEL_H */
