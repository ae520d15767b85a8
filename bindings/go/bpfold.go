// SPDX-License-Identifier: MIT OR Apache-2.0

// Package bpfold folds the values of read-only variables into a compiled BPF object and removes
// what they make dead, in process and without cgo.
//
// [Fold] takes the bytes of an ELF file and gives those of a smaller one. [FoldSpec] does it for a
// [ebpf.CollectionSpec] whose variables have been set, right before it is loaded:
//
//	spec, err := loadAgent() // by bpf2go
//	err = spec.Variables["debug"].Set(false)
//	spec, folded, err := bpfold.FoldSpec(ctx, _AgentBytes, spec, bpfold.Options{})
//	err = folded.LoadAndAssign(spec, &objects, nil)
//
// bpfold is a WebAssembly module, which is in the package and needs to be compiled once in a
// process. [New] can keep what comes of it in a directory for the next process.
package bpfold

import (
	"context"

	"github.com/cilium/ebpf"
)

// Options say what an object is folded with and what stays. Names of variables can have members
// and elements (cfg.ports[0]); wherever several names can be meant, * and ? are wildcards.
type Options struct {
	// Values of variables, as text: "cfg.mode" and "MODE_ALLOW".
	Values map[string]string
	// Sections are contents of read-only sections as a loader holds them (".rodata"). All of
	// such a section is then final.
	Sections map[string][]byte
	// Freeze names variables that keep the values that are stored.
	Freeze []string
	// FreezeAll takes all read-only data as it is stored, except what is set.
	FreezeAll bool

	// Entries names programs that are attached: all others go.
	Entries []string
	// Drops names programs that are neither attached nor called.
	Drops []string
	// TailMaps names prog arrays that userspace fills: MAP, MAP=SECTION or MAP=NAME|GLOB.
	TailMaps []string

	// KeepMaps names maps, or sections of data, that stay also when no program uses them.
	KeepMaps []string
	// KeepFunctions names programs and functions that stay also when nothing enters them.
	KeepFunctions []string
	// KeepVariables names variables that stay declared also when they are folded.
	KeepVariables []string
	// KeepInterface keeps every map, program and variable declared.
	KeepInterface bool
	// ShrinkUnneeded gives maps that KeepInterface alone keeps room for one entry, if they are
	// neither pinned nor filled. Only [FoldSpec] does it. What userspace writes to such a map
	// may then fail.
	ShrinkUnneeded bool
	// PruneMaps drops maps also when no program has used them in the first place, or when they
	// are pinned.
	PruneMaps bool
	// RequireNoGlobals fails if the result needs global data, which kernels before 5.2 lack.
	RequireNoGlobals bool

	// KernelVersion is that of the kernel that the object is for, such as "6.1.192".
	KernelVersion string
	// KernelConfig is its configuration, plain or compressed by gzip (/proc/config.gz).
	KernelConfig []byte
	// KernelSymbols are its symbols (/proc/kallsyms).
	KernelSymbols []byte
	// KernelBTF are its types (/sys/kernel/btf/vmlinux).
	KernelBTF []byte
	// ModuleBTF are the types of its modules by name; they need KernelBTF.
	ModuleBTF map[string][]byte
	// CORE says which CO-RE relocations are resolved by these types.
	CORE CORE

	// NoCheck leaves out the proof that the folded functions do what they did.
	NoCheck bool
}

// CORE says which CO-RE relocations are resolved by the types of the kernel.
type CORE int

const (
	// COREDefault is COREChecks.
	COREDefault CORE = iota
	// CORENone resolves none.
	CORENone
	// COREChecks resolves what decides branches: existence, sizes, signs, values of enums.
	COREChecks
	// COREAll resolves all: the object is then for this one kernel.
	COREAll
)

// Result is a folded object and what was done to it.
type Result struct {
	// ELF is the folded object file.
	ELF []byte
	// Text says what was done, for people, in lines.
	Text string
	// JSON says it in the form of bpfold fold --format json.
	JSON []byte

	// DroppedMaps are no longer in the object; sections of data count as maps, too.
	DroppedMaps []string
	// DroppedFunctions are programs and functions that are no longer in the object.
	DroppedFunctions []string
	// DroppedVariables are no longer in the object.
	DroppedVariables []string
	// UnneededMaps are there because of KeepInterface alone: no program uses them.
	UnneededMaps []string
	// UnneededPrograms are there because of KeepInterface alone, and only return.
	UnneededPrograms []string

	// InstructionsBefore and InstructionsAfter are of all functions, as the kernel counts them.
	InstructionsBefore, InstructionsAfter uint64
}

// Fold folds an object file. The first call in a process compiles the module.
func Fold(ctx context.Context, elf []byte, opts Options) (*Result, error) {
	folder, err := shared()
	if err != nil {
		return nil, err
	}
	return folder.Fold(ctx, elf, opts)
}

// FoldSpec folds an object with the values that a spec of it holds; see [Folder.FoldSpec].
func FoldSpec(
	ctx context.Context, elf []byte, spec *ebpf.CollectionSpec, opts Options,
) (*ebpf.CollectionSpec, *Result, error) {
	folder, err := shared()
	if err != nil {
		return nil, nil, err
	}
	return folder.FoldSpec(ctx, elf, spec, opts)
}
