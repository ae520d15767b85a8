// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
)

// LoadAndAssign is that of [ebpf.CollectionSpec], but fields for maps, programs and variables that
// are not in the spec stay nil, and replacements of such maps are left out. [Result.LoadAndAssign]
// does so only for what folding has dropped, and should be preferred.
func LoadAndAssign(spec *ebpf.CollectionSpec, to any, opts *ebpf.CollectionOptions) error {
	return loadAndAssign(spec, to, opts, func(kind, string) bool { return true })
}

// LoadAndAssign is that of [ebpf.CollectionSpec], but fields for maps, programs and variables that
// folding has dropped stay nil, and replacements of such maps are left out.
func (result *Result) LoadAndAssign(
	spec *ebpf.CollectionSpec, to any, opts *ebpf.CollectionOptions,
) error {
	return loadAndAssign(spec, to, opts, func(kind kind, name string) bool {
		switch kind {
		case kindMap:
			return slices.Contains(result.DroppedMaps, name)
		case kindProgram:
			return slices.Contains(result.DroppedFunctions, name)
		default:
			return slices.Contains(result.DroppedVariables, name)
		}
	})
}

// KeepFor keeps what the `ebpf:"name"` tags of a struct name, as bpf2go makes them, so that the
// LoadAndAssign of [ebpf.CollectionSpec] finds it.
func (opts *Options) KeepFor(to any) error {
	fields, err := taggedFields(reflect.ValueOf(to))
	if err != nil {
		return fmt.Errorf("bpfold: %w", err)
	}
	keep := func(names []string, name string) []string {
		if slices.Contains(names, name) {
			return names
		}
		return append(slices.Clip(names), name)
	}
	for _, field := range fields {
		switch field.kind {
		case kindMap:
			opts.KeepMaps = keep(opts.KeepMaps, field.tag)
		case kindProgram:
			opts.KeepFunctions = keep(opts.KeepFunctions, field.tag)
		case kindVariable:
			opts.KeepVariables = keep(opts.KeepVariables, field.tag)
		}
	}
	return nil
}

type kind int

const (
	kindMap kind = iota
	kindProgram
	kindVariable
)

var kinds = map[reflect.Type]kind{
	reflect.TypeFor[*ebpf.Map]():          kindMap,
	reflect.TypeFor[*ebpf.MapSpec]():      kindMap,
	reflect.TypeFor[*ebpf.Program]():      kindProgram,
	reflect.TypeFor[*ebpf.ProgramSpec]():  kindProgram,
	reflect.TypeFor[*ebpf.Variable]():     kindVariable,
	reflect.TypeFor[*ebpf.VariableSpec](): kindVariable,
}

// tagged is a field of a struct that names a part of an object.
type tagged struct {
	name, tag string
	kind      kind
	value     reflect.Value
}

// taggedFields finds the fields with a tag in a struct and in the structs in it.
func taggedFields(to reflect.Value) ([]tagged, error) {
	if to.Kind() == reflect.Pointer {
		if to.IsNil() {
			return nil, fmt.Errorf("a nil pointer to %s", to.Type().Elem())
		}
		to = to.Elem()
	}
	if to.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a pointer to a struct", to.Type())
	}
	var fields []tagged
	for i := range to.NumField() {
		field, value := to.Type().Field(i), to.Field(i)
		if tag := field.Tag.Get("ebpf"); tag != "" {
			kind, ok := kinds[field.Type]
			if !ok {
				return nil, fmt.Errorf("field %s: unsupported type %s", field.Name, field.Type)
			}
			fields = append(fields, tagged{field.Name, tag, kind, value})
			continue
		}
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct {
			continue
		}
		more, err := taggedFields(value)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", field.Name, err)
		}
		fields = append(fields, more...)
	}
	return fields, nil
}

func has(spec *ebpf.CollectionSpec, kind kind, name string) bool {
	switch kind {
	case kindMap:
		return spec.Maps[name] != nil
	case kindProgram:
		return spec.Programs[name] != nil
	default:
		return spec.Variables[name] != nil
	}
}

func loadAndAssign(
	spec *ebpf.CollectionSpec, to any, opts *ebpf.CollectionOptions,
	mayMiss func(kind, string) bool,
) error {
	if reflect.ValueOf(to).Kind() != reflect.Pointer {
		return fmt.Errorf("bpfold: %T is not a pointer to a struct", to)
	}
	fields, err := taggedFields(reflect.ValueOf(to))
	if err != nil {
		return fmt.Errorf("bpfold: %w", err)
	}
	// A struct of the fields that are there, which the spec's own LoadAndAssign fills.
	fields = slices.DeleteFunc(fields, func(field tagged) bool {
		return !has(spec, field.kind, field.tag) && mayMiss(field.kind, field.tag)
	})
	var present []reflect.StructField
	for i, field := range fields {
		if !field.value.CanSet() {
			return fmt.Errorf("bpfold: field %s: cannot set it", field.name)
		}
		present = append(present, reflect.StructField{
			// Structs in the struct can have fields of one name.
			Name: fmt.Sprintf("%s_%d", field.name, i),
			Type: field.value.Type(),
			Tag:  reflect.StructTag(fmt.Sprintf("ebpf:%q", field.tag)),
		})
	}
	loaded := reflect.New(reflect.StructOf(present))
	if err := spec.LoadAndAssign(loaded.Interface(), withReplacements(spec, opts, mayMiss)); err != nil {
		return err
	}
	for i, field := range fields {
		field.value.Set(loaded.Elem().Field(i))
	}
	return nil
}

// withReplacements leaves out the replacements of maps that are not there.
func withReplacements(
	spec *ebpf.CollectionSpec, opts *ebpf.CollectionOptions, mayMiss func(kind, string) bool,
) *ebpf.CollectionOptions {
	if opts == nil {
		return nil
	}
	changed := *opts
	changed.MapReplacements = maps.Clone(opts.MapReplacements)
	maps.DeleteFunc(changed.MapReplacements, func(name string, _ *ebpf.Map) bool {
		return !has(spec, kindMap, name) && mayMiss(kindMap, name)
	})
	return &changed
}
