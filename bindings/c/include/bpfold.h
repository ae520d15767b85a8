/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef BPFOLD_H
#define BPFOLD_H

/* Made by cbindgen: BPFOLD_BLESS=1 cargo test -p bpfold-capi --test header */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 A wish that was not understood, or input that is damaged.
 */
#define BPFOLD_ERROR -1

/*
 Which CO-RE relocations are resolved by the kernel's types.
 */
typedef enum {
        /*
         None.
         */
        BPFOLD_CORE_MODE_NONE = 0,
        /*
         What decides branches: existence, sizes and signs, values of enums.
         */
        BPFOLD_CORE_MODE_CHECKS = 1,
        /*
         All: the object is then for this one kernel.
         */
        BPFOLD_CORE_MODE_ALL = 2,
} bpfold_core_mode;

/*
 A list of names in a result.
 */
typedef enum {
        /*
         Maps that are no longer in the object.
         */
        BPFOLD_LIST_DROPPED_MAPS = 0,
        /*
         Programs and functions that are no longer in the object.
         */
        BPFOLD_LIST_DROPPED_FUNCTIONS = 1,
        /*
         Maps that stay for bindings alone: a loader need not create them.
         */
        BPFOLD_LIST_UNNEEDED_MAPS = 2,
        /*
         Programs that stay for bindings alone and only return: a loader need not load them.
         */
        BPFOLD_LIST_UNNEEDED_PROGRAMS = 3,
} bpfold_list;

/*
 An object, and what it is to be folded with.
 */
typedef struct bpfold bpfold;

/*
 A folded object and what was done to it.
 */
typedef struct bpfold_result bpfold_result;

/*
 A program that is folded.
 */
typedef struct bpfold_stream bpfold_stream;

/*
 The value of a map that is read-only for programs and frozen, or will be: all of it is final.
 */
typedef struct {
        /*
         The map's file descriptor or, with `by_index`, its place in the array of file descriptors.
         */
        int32_t map;
        /*
         Whether instructions name the map by its place (`BPF_PSEUDO_MAP_IDX_VALUE`).
         */
        bool by_index;
        /*
         The bytes of its only value.
         */
        const void *bytes;
        /*
         How many these are.
         */
        size_t size;
} bpfold_map;

/*
 `func_info` or `line_info` as `bpf(BPF_PROG_LOAD)` takes it.
 */
typedef struct {
        /*
         The records.
         */
        const void *records;
        /*
         How many there are.
         */
        uint32_t count;
        /*
         Bytes of one.
         */
        uint32_t size;
} bpfold_records;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Opens a compiled BPF object (ELF) of `size` bytes. The bytes are copied.

 The caller frees the result with `bpfold_free()`.

 # Safety
 `bytes` points to `size` bytes; `error` is null or points to a pointer.
 */
bpfold *bpfold_open(const void *bytes, size_t size, char **error);

/*
 Frees what `bpfold_open()` gave. Null is nothing.

 # Safety
 `fold` is null, or comes from `bpfold_open()` and was not freed.
 */
void bpfold_free(bpfold *fold);

/*
 Folds the object. It can be folded again, also with more options.

 The caller frees the result with `bpfold_result_free()`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
bpfold_result *bpfold_run(const bpfold *fold, char **error);

/*
 Takes variables as they are stored: a name, member, or pattern with `*` and `?`.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
 */
int bpfold_freeze(bpfold *fold, const char *name, char **error);

/*
 Names programs that are attached, by name or pattern: all others go.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
 */
int bpfold_entry(bpfold *fold, const char *name, char **error);

/*
 Drops programs that are neither attached nor called.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
 */
int bpfold_drop(bpfold *fold, const char *name, char **error);

/*
 Keeps maps, or sections of data, also when no program uses them any more.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
 */
int bpfold_keep_map(bpfold *fold, const char *name, char **error);

/*
 Keeps programs and functions also when nothing enters them any more.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
 */
int bpfold_keep_function(bpfold *fold, const char *name, char **error);

/*
 Keeps variables declared also when they are folded.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
 */
int bpfold_keep_variable(bpfold *fold, const char *name, char **error);

/*
 Takes all read-only data as it is stored, except what is set.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
int bpfold_freeze_all(bpfold *fold, char **error);

/*
 Keeps every map, program and variable that bindings of the original object name.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
int bpfold_keep_interface(bpfold *fold, char **error);

/*
 Drops maps also when no program has used them in the first place, or when they are pinned.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
int bpfold_prune_maps(bpfold *fold, char **error);

/*
 Fails if the result needs global data, which kernels before 5.2 do not have.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
int bpfold_require_no_globals(bpfold *fold, char **error);

/*
 Gives a variable, member or element a value, as text: `cfg.mode` and `MODE_ALLOW`.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `name` and `value` are strings; `error` is null or points
 to a pointer.
 */
int bpfold_set(bpfold *fold, const char *name, const char *value, char **error);

/*
 Gives all of a read-only section (`.rodata`) the contents that a loader holds for it, as of
 `bpf_map__initial_value()`, and takes them as they are.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `section` is a string, `image` points to `size` bytes;
 `error` is null or points to a pointer.
 */
int bpfold_section(bpfold *fold, const char *section, const void *image, size_t size, char **error);

/*
 Names a prog array that the loader fills: `MAP`, `MAP=SECTION` or `MAP=NAME|GLOB`.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `map` is a string; `error` is null or points to a pointer.
 */
int bpfold_tail_map(bpfold *fold, const char *map, char **error);

/*
 Whether it is proven that the changed functions do what they did (it is, unless this turns it
 off).

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
int bpfold_check(bpfold *fold, bool check, char **error);

/*
 The version of the kernel that the object is for, such as `6.1.192`.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `version` is a string; `error` is null or points to a
 pointer.
 */
int bpfold_kernel_version(bpfold *fold, const char *version, char **error);

/*
 The configuration of the kernel that the object is for, plain or compressed by gzip.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `bytes` points to `size` bytes; `error` is null or points to
 a pointer.
 */
int bpfold_kernel_config(bpfold *fold, const void *bytes, size_t size, char **error);

/*
 The symbols of the kernel that the object is for, as `/proc/kallsyms` lists them.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `bytes` points to `size` bytes; `error` is null or points to
 a pointer.
 */
int bpfold_kernel_symbols(bpfold *fold, const void *bytes, size_t size, char **error);

/*
 The types of the kernel that the object is for: BTF as in `/sys/kernel/btf/vmlinux`, and with
 `module` those of that module, after the kernel's own.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`, `module` is null or a string, `bytes` points to `size` bytes;
 `error` is null or points to a pointer.
 */
int bpfold_kernel_btf(bpfold *fold,
                      const char *module,
                      const void *bytes,
                      size_t size,
                      char **error);

/*
 Says which CO-RE relocations are resolved: a `bpfold_core`. Those that decide branches, if
 nothing is said.

 Gives 0, or a number below 0 with a message in `*error`.

 # Safety
 `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
 */
int bpfold_core(bpfold *fold, int mode, char **error);

/*
 Frees what `bpfold_run()` gave. Null is nothing.

 # Safety
 `result` is null, or comes from `bpfold_run()` and was not freed.
 */
void bpfold_result_free(bpfold_result *result);

/*
 The folded object file, and in `*size` its bytes. They live as long as the result.

 # Safety
 `result` comes from `bpfold_run()`; `size` points to a number.
 */
const void *bpfold_result_bytes(const bpfold_result *result, size_t *size);

/*
 What was done, for people. The string lives as long as the result.

 # Safety
 `result` comes from `bpfold_run()`.
 */
const char *bpfold_result_text(const bpfold_result *result);

/*
 What was done, as JSON of the form of `bpfold fold --format json`. The string lives as long as
 the result.

 # Safety
 `result` comes from `bpfold_run()`.
 */
const char *bpfold_result_json(const bpfold_result *result);

/*
 The name at place `index`, from 0, of a `bpfold_list`; null behind the last one, or if there
 is no such list. The string lives as long as the result.

 # Safety
 `result` comes from `bpfold_run()`.
 */
const char *bpfold_result_name(const bpfold_result *result, int list, size_t index);

/*
 How many instructions all functions had, as the kernel counts them.

 # Safety
 `result` comes from `bpfold_run()`.
 */
uint64_t bpfold_result_instructions_before(const bpfold_result *result);

/*
 How many instructions all functions have now, as the kernel counts them.

 # Safety
 `result` comes from `bpfold_run()`.
 */
uint64_t bpfold_result_instructions_after(const bpfold_result *result);

/*
 Folds the `count` instructions of a program as `bpf(BPF_PROG_LOAD)` takes them.

 `maps` says what is final in which maps. `func_info` and `line_info` are those of the program, or
 null. `statics` are the slots at which subprograms start whose BTF type is static: with
 `func_info` all others count as global, and nothing is assumed of their arguments. What is not
 understood is an error, and the program can be loaded as it is.

 The caller frees the result with `bpfold_stream_free()`.

 # Safety
 `insns` points to `count` times 8 bytes, `maps` to `maps_count` maps whose bytes are there,
 `statics` to `statics_count` numbers; `func_info` and `line_info` are null or point to records
 that are there; `error` is null or points to a pointer.
 */
bpfold_stream *bpfold_stream_fold(const void *insns,
                                  size_t count,
                                  const bpfold_map *maps,
                                  size_t maps_count,
                                  const bpfold_records *func_info,
                                  const bpfold_records *line_info,
                                  const uint32_t *statics,
                                  size_t statics_count,
                                  char **error);

/*
 Frees what `bpfold_stream_fold()` gave. Null is nothing.

 # Safety
 `stream` is null, or comes from `bpfold_stream_fold()` and was not freed.
 */
void bpfold_stream_free(bpfold_stream *stream);

/*
 The instructions, and in `*count` how many. They live as long as the result.

 # Safety
 `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
 */
const void *bpfold_stream_insns(const bpfold_stream *stream, size_t *count);

/*
 The `func_info` for the instructions, and in `*count` how many records. They have the size that
 they had, and live as long as the result.

 # Safety
 `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
 */
const void *bpfold_stream_func_info(const bpfold_stream *stream, size_t *count);

/*
 The `line_info` for the instructions, and in `*count` how many records. They have the size that
 they had, and live as long as the result.

 # Safety
 `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
 */
const void *bpfold_stream_line_info(const bpfold_stream *stream, size_t *count);

/*
 For each slot that the program had the slot that now does what it did, `UINT32_MAX` where the
 function is gone; in `*count` how many. They live as long as the result.

 # Safety
 `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
 */
const uint32_t *bpfold_stream_slots(const bpfold_stream *stream, size_t *count);

/*
 How many functions were changed and are proven to do what they did.

 # Safety
 `stream` comes from `bpfold_stream_fold()`.
 */
size_t bpfold_stream_proven(const bpfold_stream *stream);

/*
 How many functions are folded less than they could be, since not everything was proven.

 # Safety
 `stream` comes from `bpfold_stream_fold()`.
 */
size_t bpfold_stream_less(const bpfold_stream *stream);

/*
 The version of the library, such as `0.1.0`.
 */
const char *bpfold_version(void);

/*
 Frees a message that a function has put into `*error`. Null is nothing.

 # Safety
 `text` is null, or comes from this library and was not freed.
 */
void bpfold_string_free(char *text);

/*
 A copy of a string that [`bpfold_string_free`] frees; null for what is not UTF-8.

 # Safety
 `text` is null or a string.
 */
char *bpfold_string_new(const char *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BPFOLD_H */
