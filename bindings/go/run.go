// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// run is one instance of the module, for one fold. Nothing of its memory is freed but with it.
type run struct {
	ctx    context.Context
	module api.Module
	// failure is where the module puts the address of a message.
	failure uint32
}

func (f *Folder) start(ctx context.Context) (*run, error) {
	// Without a name, so that there can be many at once.
	module, err := f.runtime.InstantiateModule(ctx, f.module, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("bpfold: starting the module: %w", err)
	}
	r := &run{ctx: ctx, module: module}
	if _, err = r.call("bpfold_init"); err == nil {
		r.failure, err = r.put(make([]byte, 4))
	}
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (r *run) stop() {
	// A module without files and sockets has nothing that could fail to close.
	_ = r.module.Close(context.WithoutCancel(r.ctx))
}

// call runs a function of the module, and gives its result if it has one.
func (r *run) call(name string, arguments ...uint64) (uint32, error) {
	function := r.module.ExportedFunction(name)
	if function == nil {
		return 0, fmt.Errorf("bpfold: the module has no function %s", name)
	}
	results, err := function.Call(r.ctx, arguments...)
	if err != nil {
		return 0, r.trapped(err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return api.DecodeU32(results[0]), nil
}

// trapped says why a call was stopped.
func (r *run) trapped(trap error) error {
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("bpfold: %w", err)
	}
	function := r.module.ExportedFunction("bpfold_panic")
	if function != nil {
		results, err := function.Call(r.ctx)
		if err == nil && len(results) == 1 && results[0] != 0 {
			return fmt.Errorf("bpfold: a bug of bpfold: %s", r.text(api.DecodeU32(results[0])))
		}
	}
	return fmt.Errorf("bpfold: a bug of bpfold: %w", trap)
}

// put copies bytes into the module's memory.
func (r *run) put(data []byte) (uint32, error) {
	at, err := r.call("bpfold_alloc", uint64(len(data)))
	if err != nil {
		return 0, err
	}
	if at == 0 || !r.module.Memory().Write(at, data) {
		return 0, fmt.Errorf("bpfold: no memory for %d bytes", len(data))
	}
	return at, nil
}

func (r *run) putText(text string) (uint32, error) {
	if i := bytes.IndexByte([]byte(text), 0); i >= 0 {
		return 0, fmt.Errorf("bpfold: %q has a zero byte", text)
	}
	return r.put(append([]byte(text), 0))
}

// text copies a string from the module's memory.
func (r *run) text(at uint32) string {
	memory := r.module.Memory()
	if at >= memory.Size() {
		return ""
	}
	rest, _ := memory.Read(at, memory.Size()-at)
	if end := bytes.IndexByte(rest, 0); end >= 0 {
		rest = rest[:end]
	}
	return string(rest)
}

// failed gives the message that the last call has left.
func (r *run) failed(function string) error {
	at, ok := r.module.Memory().ReadUint32Le(r.failure)
	if !ok || at == 0 {
		return fmt.Errorf("bpfold: %s failed", function)
	}
	return errors.New("bpfold: " + r.text(at))
}

// change calls a function of a handle with more arguments: strings, bytes, and nil for NULL.
func (r *run) change(handle uint32, function string, arguments ...any) error {
	numbers := []uint64{uint64(handle)}
	for _, argument := range arguments {
		var at uint32
		var err error
		switch argument := argument.(type) {
		case nil:
			numbers = append(numbers, 0)
			continue
		case int:
			numbers = append(numbers, uint64(argument))
			continue
		case string:
			at, err = r.putText(argument)
			numbers = append(numbers, uint64(at))
		case []byte:
			at, err = r.put(argument)
			numbers = append(numbers, uint64(at), uint64(len(argument)))
		}
		if err != nil {
			return err
		}
	}
	result, err := r.call(function, append(numbers, uint64(r.failure))...)
	if err == nil && int32(result) < 0 {
		err = r.failed(function)
	}
	return err
}

func (r *run) fold(elf []byte, opts Options) (*Result, error) {
	at, err := r.put(elf)
	if err != nil {
		return nil, err
	}
	handle, err := r.call("bpfold_open", uint64(at), uint64(len(elf)), uint64(r.failure))
	if err != nil {
		return nil, err
	}
	if handle == 0 {
		return nil, r.failed("bpfold_open")
	}
	if err := r.configure(handle, opts); err != nil {
		return nil, err
	}
	result, err := r.call("bpfold_run", uint64(handle), uint64(r.failure))
	if err != nil {
		return nil, err
	}
	if result == 0 {
		return nil, r.failed("bpfold_run")
	}
	return r.result(result)
}

// configure hands all options on, in an order that does not depend on that of maps: a struct before
// its members.
func (r *run) configure(handle uint32, opts Options) error {
	var err error
	change := func(function string, arguments ...any) {
		if err == nil {
			err = r.change(handle, function, arguments...)
		}
	}
	each := func(function string, names []string) {
		for _, name := range names {
			change(function, name)
		}
	}
	when := func(wanted bool, function string, arguments ...any) {
		if wanted {
			change(function, arguments...)
		}
	}
	when(opts.KernelVersion != "", "bpfold_kernel_version", opts.KernelVersion)
	when(opts.KernelConfig != nil, "bpfold_kernel_config", opts.KernelConfig)
	when(opts.KernelSymbols != nil, "bpfold_kernel_symbols", opts.KernelSymbols)
	when(opts.KernelBTF != nil, "bpfold_kernel_btf", nil, opts.KernelBTF)
	for _, name := range slices.Sorted(maps.Keys(opts.ModuleBTF)) {
		change("bpfold_kernel_btf", name, opts.ModuleBTF[name])
	}
	when(opts.CORE != COREDefault, "bpfold_core", int(opts.CORE)-int(CORENone))
	for _, name := range slices.Sorted(maps.Keys(opts.Sections)) {
		change("bpfold_section", name, opts.Sections[name])
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Values)) {
		change("bpfold_set", name, opts.Values[name])
	}
	each("bpfold_freeze", opts.Freeze)
	when(opts.FreezeAll, "bpfold_freeze_all")
	each("bpfold_entry", opts.Entries)
	each("bpfold_drop", opts.Drops)
	each("bpfold_tail_map", opts.TailMaps)
	each("bpfold_keep_map", opts.KeepMaps)
	each("bpfold_keep_function", opts.KeepFunctions)
	each("bpfold_keep_variable", opts.KeepVariables)
	when(opts.KeepInterface, "bpfold_keep_interface")
	when(opts.PruneMaps, "bpfold_prune_maps")
	when(opts.RequireNoGlobals, "bpfold_require_no_globals")
	when(opts.NoCheck, "bpfold_check", 0)
	return err
}

func (r *run) result(handle uint32) (*Result, error) {
	var err error
	get := func(function string, arguments ...uint64) (value uint32) {
		if err == nil {
			value, err = r.call(function, append([]uint64{uint64(handle)}, arguments...)...)
		}
		return value
	}
	list := func(list uint64) (names []string) {
		for {
			at := get("bpfold_result_name", list, uint64(len(names)))
			if err != nil || at == 0 {
				return names
			}
			names = append(names, r.text(at))
		}
	}
	result := &Result{
		DroppedMaps:        list(0),
		DroppedFunctions:   list(1),
		UnneededMaps:       list(2),
		UnneededPrograms:   list(3),
		Text:               r.text(get("bpfold_result_text")),
		JSON:               []byte(r.text(get("bpfold_result_json"))),
		InstructionsBefore: uint64(get("bpfold_result_instructions_before")),
		InstructionsAfter:  uint64(get("bpfold_result_instructions_after")),
	}
	size, putErr := r.put(make([]byte, 4))
	at := get("bpfold_result_bytes", uint64(size))
	if err := errors.Join(err, putErr); err != nil {
		return nil, err
	}
	length, _ := r.module.Memory().ReadUint32Le(size)
	file, ok := r.module.Memory().Read(at, length)
	if !ok {
		return nil, fmt.Errorf("bpfold: the result of %d bytes is outside of the module", length)
	}
	// The memory goes with the module.
	result.ELF = slices.Clone(file)
	return result, result.readVariables()
}

// readVariables takes what the module has no list for from the report.
func (result *Result) readVariables() error {
	var report struct {
		Dropped struct {
			Sections, Variables []string
		}
	}
	if err := json.Unmarshal(result.JSON, &report); err != nil {
		return fmt.Errorf("bpfold: the report: %w", err)
	}
	result.DroppedVariables = report.Dropped.Variables
	// Loaders make maps of these sections.
	for _, section := range report.Dropped.Sections {
		if isData(section) && !slices.Contains(result.DroppedMaps, section) {
			result.DroppedMaps = append(result.DroppedMaps, section)
		}
	}
	return nil
}
