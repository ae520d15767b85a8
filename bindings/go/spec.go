// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// FoldSpec folds an object with the values that a spec of it holds: those of all read-only
// variables are final. It gives a spec of the folded object, ready to be loaded, and leaves the given
// one as it is.
//
// What else was changed in the spec since it was read is carried over: sizes, flags, pins, contents
// and the like of maps, values of other variables, how programs attach; maps and programs that were
// removed from the spec are removed, and those that were added are added. A map that was given a pin
// stays. FoldSpec fails and names what it cannot carry over, such as changed instructions.
//
// The values of opts.Values are set after those of the spec.
func (f *Folder) FoldSpec(
	ctx context.Context, elf []byte, spec *ebpf.CollectionSpec, opts Options,
) (*ebpf.CollectionSpec, *Result, error) {
	original, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
	if err != nil {
		return nil, nil, fmt.Errorf("bpfold: reading the object: %w", err)
	}
	changed := &changes{original: original, wanted: spec}
	opts, err = changed.options(opts)
	if err != nil {
		return nil, nil, fmt.Errorf("bpfold: %w", err)
	}
	result, err := f.Fold(ctx, elf, opts)
	if err != nil {
		return nil, nil, err
	}
	folded, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(result.ELF))
	if err != nil {
		return nil, nil, fmt.Errorf("bpfold: reading the folded object: %w", err)
	}
	if err := changed.carry(folded); err != nil {
		return nil, nil, fmt.Errorf("bpfold: %w", err)
	}
	if opts.ShrinkUnneeded {
		shrink(folded, result.UnneededMaps)
	}
	return folded, result, nil
}

// isData says whether a section holds variables that loaders make a map of.
func isData(section string) bool {
	return section == ".bss" || section == ".kconfig" ||
		strings.HasPrefix(section, ".data") || strings.HasPrefix(section, ".rodata")
}

func isReadOnly(section string) bool {
	return strings.HasPrefix(section, ".rodata")
}

// changes are what was done to a spec since it was read.
type changes struct {
	original, wanted *ebpf.CollectionSpec
}

// options adds what the spec says to the options of a fold.
func (c *changes) options(opts Options) (Options, error) {
	opts.FreezeAll = true
	opts.Sections = maps.Clone(opts.Sections)
	if opts.Sections == nil {
		opts.Sections = map[string][]byte{}
	}
	opts.Drops = slices.Clone(opts.Drops)
	opts.KeepMaps = slices.Clone(opts.KeepMaps)
	opts.KeepFunctions = slices.Clone(opts.KeepFunctions)

	if err := c.checkVariables(); err != nil {
		return opts, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.original.Maps)) {
		wanted := c.wanted.Maps[name]
		if wanted == nil {
			continue
		}
		original := c.original.Maps[name]
		if wanted.Pinning != ebpf.PinNone && wanted.Pinning != original.Pinning {
			opts.KeepMaps = append(opts.KeepMaps, name)
		}
		if isReadOnly(name) {
			image, err := image(wanted, c.wanted.Variables, name)
			if err != nil {
				return opts, err
			}
			opts.Sections[name] = image
		} else if !isData(name) && !sameContents(original, wanted) {
			c.keepNamed(&opts, wanted)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.wanted.Maps)) {
		if c.original.Maps[name] == nil {
			c.keepNamed(&opts, c.wanted.Maps[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.original.Programs)) {
		wanted := c.wanted.Programs[name]
		if wanted == nil {
			opts.Drops = append(opts.Drops, name)
		} else if err := checkInstructions(c.original.Programs[name], wanted); err != nil {
			return opts, fmt.Errorf("program %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.wanted.Programs)) {
		if c.original.Programs[name] != nil {
			continue
		}
		// What was added may use any map, and data at its place.
		for _, instruction := range c.wanted.Programs[name].Instructions {
			used := instruction.Reference()
			if c.original.Maps[used] != nil && !slices.Contains(opts.KeepMaps, used) {
				opts.KeepMaps = append(opts.KeepMaps, used)
			}
		}
	}
	return opts, nil
}

// keepNamed keeps the programs and maps of the object that the contents of a map name.
func (c *changes) keepNamed(opts *Options, spec *ebpf.MapSpec) {
	for _, entry := range spec.Contents {
		name, ok := entry.Value.(string)
		if !ok {
			continue
		}
		if spec.Type == ebpf.ArrayOfMaps || spec.Type == ebpf.HashOfMaps {
			if c.original.Maps[name] != nil {
				opts.KeepMaps = append(opts.KeepMaps, name)
			}
		} else if c.original.Programs[name] != nil {
			opts.KeepFunctions = append(opts.KeepFunctions, name)
		}
	}
}

// image is what the loader would put into a section of data: its contents, and over them the values
// of variables.
func image(
	spec *ebpf.MapSpec, variables map[string]*ebpf.VariableSpec, section string,
) ([]byte, error) {
	if len(spec.Contents) != 1 {
		return nil, fmt.Errorf("map %s has %d entries instead of its section's bytes",
			section, len(spec.Contents))
	}
	contents, ok := spec.Contents[0].Value.([]byte)
	if !ok {
		return nil, fmt.Errorf("map %s has a %T instead of its section's bytes",
			section, spec.Contents[0].Value)
	}
	contents = slices.Clone(contents)
	for _, variable := range variables {
		if variable.SectionName != section || variable.Value == nil {
			continue
		}
		end := uint64(variable.Offset) + uint64(len(variable.Value))
		if end > uint64(len(contents)) {
			return nil, fmt.Errorf("variable %s ends behind its section %s", variable.Name, section)
		}
		copy(contents[variable.Offset:end], variable.Value)
	}
	return contents, nil
}

// shrink leaves room for one entry in maps that no program uses.
func shrink(spec *ebpf.CollectionSpec, unneeded []string) {
	for _, name := range unneeded {
		m := spec.Maps[name]
		if m == nil || isData(name) || m.Pinning != ebpf.PinNone || len(m.Contents) > 0 ||
			m.MaxEntries == 0 {
			continue
		}
		switch m.Type {
		case ebpf.StructOpsMap, ebpf.Arena:
		case ebpf.RingBuf, ebpf.UserRingbuf:
			m.MaxEntries = min(m.MaxEntries, uint32(os.Getpagesize()))
		default:
			m.MaxEntries = 1
		}
	}
}
