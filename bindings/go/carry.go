// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// carry makes the changes to a spec of the folded object.
func (c *changes) carry(folded *ebpf.CollectionSpec) error {
	for _, name := range slices.Sorted(maps.Keys(c.wanted.Maps)) {
		original, wanted, to := c.original.Maps[name], c.wanted.Maps[name], folded.Maps[name]
		switch {
		case original == nil:
			folded.Maps[name] = wanted.Copy()
		case to != nil:
			if err := c.carryMap(name, original, wanted, to); err != nil {
				return fmt.Errorf("map %s: %w", name, err)
			}
		}
	}
	for name, original := range c.original.Variables {
		wanted, to := c.wanted.Variables[name], folded.Variables[name]
		if wanted == nil || to == nil || bytes.Equal(original.Value, wanted.Value) {
			continue
		}
		if to.Size() != wanted.Size() {
			return fmt.Errorf("variable %s has %d bytes after folding, not %d",
				name, to.Size(), wanted.Size())
		}
		to.Value = bytes.Clone(wanted.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(c.wanted.Programs)) {
		original, wanted, to := c.original.Programs[name], c.wanted.Programs[name], folded.Programs[name]
		switch {
		case original == nil:
			folded.Programs[name] = wanted.Copy()
		case to != nil:
			carryProgram(original, wanted, to)
		}
	}
	maps.DeleteFunc(folded.Maps, func(name string, _ *ebpf.MapSpec) bool {
		return c.wanted.Maps[name] == nil && c.original.Maps[name] != nil
	})
	maps.DeleteFunc(folded.Programs, func(name string, _ *ebpf.ProgramSpec) bool {
		return c.wanted.Programs[name] == nil && c.original.Programs[name] != nil
	})
	maps.DeleteFunc(folded.Variables, func(name string, _ *ebpf.VariableSpec) bool {
		return c.wanted.Variables[name] == nil && c.original.Variables[name] != nil
	})
	return nil
}

func carryIf[T comparable](original, wanted T, to *T) {
	if original != wanted {
		*to = wanted
	}
}

func (c *changes) carryMap(name string, original, wanted, to *ebpf.MapSpec) error {
	if original.Type != wanted.Type &&
		(original.Type == ebpf.ProgramArray || wanted.Type == ebpf.ProgramArray) {
		return errors.New("its type was changed, and which programs stay depends on it")
	}
	if isData(name) && (original.Type != wanted.Type || original.KeySize != wanted.KeySize ||
		original.ValueSize != wanted.ValueSize || original.MaxEntries != wanted.MaxEntries) {
		return errors.New("the shape of a section was changed")
	}
	carryIf(original.Name, wanted.Name, &to.Name)
	carryIf(original.Type, wanted.Type, &to.Type)
	carryIf(original.KeySize, wanted.KeySize, &to.KeySize)
	carryIf(original.ValueSize, wanted.ValueSize, &to.ValueSize)
	carryIf(original.MaxEntries, wanted.MaxEntries, &to.MaxEntries)
	carryIf(original.Flags, wanted.Flags, &to.Flags)
	carryIf(original.Pinning, wanted.Pinning, &to.Pinning)
	carryIf(original.NumaNode, wanted.NumaNode, &to.NumaNode)
	carryIf(original.MapExtra, wanted.MapExtra, &to.MapExtra)
	if !slices.Equal(original.Tags, wanted.Tags) {
		to.Tags = slices.Clone(wanted.Tags)
	}
	// Trailing bytes of a definition must be consumed before it is loaded.
	if original.Extra != nil && (wanted.Extra == nil || wanted.Extra.Len() != original.Extra.Len()) {
		to.Extra = wanted.Copy().Extra
	}
	if !reflect.DeepEqual(original.InnerMap, wanted.InnerMap) {
		to.InnerMap = wanted.Copy().InnerMap
	}
	if !reflect.DeepEqual(original.Key, wanted.Key) {
		to.Key = wanted.Key
	}
	if !reflect.DeepEqual(original.Value, wanted.Value) {
		if isData(name) && wanted.Value != nil {
			return errors.New("the type of a section was changed")
		}
		to.Value = wanted.Value
	}
	if isReadOnly(name) || sameContents(original, wanted) {
		return nil
	}
	if isData(name) && wanted.ValueSize != to.ValueSize {
		return fmt.Errorf("its contents were changed, and it has %d bytes after folding, not %d",
			to.ValueSize, wanted.ValueSize)
	}
	to.Contents = slices.Clone(wanted.Contents)
	return nil
}

func carryProgram(original, wanted, to *ebpf.ProgramSpec) {
	carryIf(original.Name, wanted.Name, &to.Name)
	carryIf(original.Type, wanted.Type, &to.Type)
	carryIf(original.Ifindex, wanted.Ifindex, &to.Ifindex)
	carryIf(original.AttachType, wanted.AttachType, &to.AttachType)
	carryIf(original.AttachTo, wanted.AttachTo, &to.AttachTo)
	carryIf(original.AttachTarget, wanted.AttachTarget, &to.AttachTarget)
	carryIf(original.SectionName, wanted.SectionName, &to.SectionName)
	carryIf(original.Flags, wanted.Flags, &to.Flags)
	carryIf(original.License, wanted.License, &to.License)
	carryIf(original.KernelVersion, wanted.KernelVersion, &to.KernelVersion)
}

func sameContents(original, wanted *ebpf.MapSpec) bool {
	return len(original.Contents) == len(wanted.Contents) &&
		(len(wanted.Contents) == 0 || reflect.DeepEqual(original.Contents, wanted.Contents))
}

// checkVariables refuses what cannot be a value of a variable of the object.
func (c *changes) checkVariables() error {
	for _, name := range slices.Sorted(maps.Keys(c.wanted.Variables)) {
		original, wanted := c.original.Variables[name], c.wanted.Variables[name]
		switch {
		case original == nil:
			return fmt.Errorf("variable %s is not in the object", name)
		case original.SectionName != wanted.SectionName || original.Offset != wanted.Offset ||
			original.Size() != wanted.Size():
			return fmt.Errorf("variable %s was moved", name)
		}
	}
	return nil
}

// checkInstructions refuses instructions that are not those of the object, which is what is folded.
func checkInstructions(original, wanted *ebpf.ProgramSpec) error {
	if len(original.Instructions) != len(wanted.Instructions) {
		return fmt.Errorf("its instructions were changed: %d, not %d",
			len(wanted.Instructions), len(original.Instructions))
	}
	for i := range wanted.Instructions {
		a, b := &original.Instructions[i], &wanted.Instructions[i]
		if a.OpCode != b.OpCode || a.Dst != b.Dst || a.Src != b.Src || a.Offset != b.Offset ||
			a.Constant != b.Constant || a.Symbol() != b.Symbol() ||
			a.Reference() != b.Reference() || (a.Map() == nil) != (b.Map() == nil) {
			if a.Reference() != "" && a.IsConstantLoad(asm.DWord) && a.Constant != b.Constant {
				return fmt.Errorf("symbol %s was given a value at instruction %d: "+
					"give it by Options.Values", a.Reference(), i)
			}
			return fmt.Errorf("its instructions were changed at %d: %v", i, b)
		}
	}
	return nil
}
