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
