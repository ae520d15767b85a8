// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const variablesObject = "../../tests/objects/variables.el.o"

func TestVariablesThatAreSetAreFolded(t *testing.T) {
	elf := read(t, traceObject)
	spec := specOf(t, elf)
	set(t, spec, "targ_pid", int32(4711))
	set(t, spec, "with_parent", false)
	untouched := spec.Copy()
	folded, result := foldSpec(t, elf, spec, Options{})
	want := fold(t, elf, Options{FreezeAll: true, Values: map[string]string{
		"targ_pid": "4711", "with_parent": "false",
	}})
	if !bytes.Equal(result.ELF, want.ELF) {
		t.Error("other bytes than with values as text")
	}
	if folded.Maps["cgroups"] != nil || folded.Variables["targ_pid"] != nil {
		t.Error("what is dead is there")
	}
	for name, variable := range spec.Variables {
		if !bytes.Equal(variable.Value, untouched.Variables[name].Value) {
			t.Errorf("the given spec's %s was changed", name)
		}
	}
}

// What RewriteConstants of earlier versions does: it writes to the section's contents.
func TestContentsThatAreSetAreFolded(t *testing.T) {
	elf := read(t, traceObject)
	spec := specOf(t, elf)
	at := spec.Variables["targ_pid"].Offset
	contents := bytes.Clone(spec.Maps[".rodata"].Contents[0].Value.([]byte))
	spec.Maps[".rodata"].Contents[0].Value = contents
	contents[at] = 99
	delete(spec.Variables, "targ_pid")
	_, result := foldSpec(t, elf, spec, Options{})
	want := fold(t, elf, Options{FreezeAll: true, Values: map[string]string{"targ_pid": "99"}})
	if !bytes.Equal(result.ELF, want.ELF) {
		t.Error("other bytes than with values as text")
	}
}

func TestOtherValuesAreCarriedOver(t *testing.T) {
	elf := read(t, variablesObject)
	spec := specOf(t, elf)
	set(t, spec, "custom", uint32(10))
	set(t, spec, "writable", uint32(77))
	set(t, spec, "zeroed", uint32(78))
	folded, result := foldSpec(t, elf, spec, Options{})
	if folded.Maps[".rodata.custom"] != nil || !slices.Contains(result.DroppedMaps, ".rodata.custom") {
		t.Errorf("a dead section is there; dropped: %v", result.DroppedMaps)
	}
	for name, want := range map[string]uint32{"writable": 77, "zeroed": 78} {
		var value uint32
		if err := folded.Variables[name].Get(&value); err != nil || value != want {
			t.Errorf("%s is %d: %v", name, value, err)
		}
	}
	// As bytes of the section.
	spec = specOf(t, elf)
	delete(spec.Variables, "writable")
	spec.Maps[".data"].Contents = []ebpf.MapKV{{Key: uint32(0), Value: []byte{5, 0, 0, 0}}}
	folded, _ = foldSpec(t, elf, spec, Options{})
	if !bytes.Equal(folded.Maps[".data"].Contents[0].Value.([]byte), []byte{5, 0, 0, 0}) {
		t.Errorf(".data is %v", folded.Maps[".data"].Contents)
	}
}

func TestSettingsOfMapsAreCarriedOver(t *testing.T) {
	elf := read(t, agentObject)
	spec := specOf(t, elf)
	tls := spec.Maps["tls_versions"]
	tls.MaxEntries, tls.Flags, tls.NumaNode, tls.MapExtra = 7, 1, 1, 3
	tls.Type, tls.ValueSize, tls.Key, tls.Value = ebpf.LRUHash, 16, nil, nil
	tls.Contents = []ebpf.MapKV{{Key: uint32(1), Value: uint64(2)}}
	// No program uses it, but somebody expects the pin.
	spec.Maps["events_perf"].Pinning = ebpf.PinByName
	// Gone, so that this is lost.
	spec.Maps["debug_last"].MaxEntries = 9
	spec.Maps["added"] = &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	folded, _ := foldSpec(t, elf, spec, Options{Values: map[string]string{"cfg.debug": "false"}})
	is := folded.Maps["tls_versions"]
	if is.MaxEntries != 7 || is.Flags != 1 || is.NumaNode != 1 || is.MapExtra != 3 ||
		is.Type != ebpf.LRUHash || is.ValueSize != 16 || is.Key != nil || is.Value != nil ||
		len(is.Contents) != 1 {
		t.Errorf("tls_versions is %+v", is)
	}
	if m := folded.Maps["events_perf"]; m == nil || m.Pinning != ebpf.PinByName {
		t.Errorf("events_perf is %+v", m)
	}
	if folded.Maps["debug_last"] != nil {
		t.Error("a dead map is there")
	}
	if folded.Maps["added"] == nil {
		t.Error("a map that was added is gone")
	}
	// What was not changed is that of the folded object.
	if m := folded.Maps["dns_ports"]; m.MaxEntries != 65536 || m.Key == nil || m.Value == nil {
		t.Errorf("dns_ports is %+v", m)
	}
}

func TestContentsOfProgArraysKeepPrograms(t *testing.T) {
	elf := read(t, agentObject)
	opts := Options{Entries: []string{"agent"}, Values: map[string]string{"cfg.feature": "{.tls = true}"}}
	folded, _ := foldSpec(t, elf, specOf(t, elf), opts)
	if folded.Programs["handle_dns"] != nil || len(folded.Maps["handlers"].Contents) != 1 {
		t.Fatalf("handlers: %v", folded.Maps["handlers"].Contents)
	}
	spec := specOf(t, elf)
	spec.Maps["handlers"].Contents = []ebpf.MapKV{{Key: uint32(1), Value: "handle_dns"}}
	folded, _ = foldSpec(t, elf, spec, opts)
	if folded.Programs["handle_dns"] == nil || folded.Maps["handlers"].Contents[0].Value != "handle_dns" {
		t.Errorf("handlers: %v", folded.Maps["handlers"].Contents)
	}
	// One that is not the object's, and a map that holds one of its maps.
	spec.Programs["own"] = spec.Programs["handle_dns"].Copy()
	spec.Maps["handlers"].Contents = []ebpf.MapKV{{Key: uint32(1), Value: "own"}}
	spec.Maps["outer"] = &ebpf.MapSpec{
		Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1,
		InnerMap: spec.Maps["icmp_types"].Copy(),
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: "icmp_types"}},
	}
	folded, _ = foldSpec(t, elf, spec, opts)
	if folded.Programs["own"] == nil || folded.Maps["icmp_types"] == nil || folded.Maps["outer"] == nil {
		t.Errorf("programs: %v, maps: %v", folded.Programs, folded.Maps)
	}
}

func TestSettingsOfProgramsAreCarriedOver(t *testing.T) {
	elf := read(t, traceObject)
	spec := specOf(t, elf)
	enter := spec.Programs["enter"]
	target := new(ebpf.Program)
	enter.AttachTo, enter.Flags, enter.License, enter.AttachTarget = "elsewhere", 8, "MIT", target
	enter.Type, enter.AttachType, enter.Ifindex, enter.KernelVersion = ebpf.Kprobe, 5, 2, 9
	folded, _ := foldSpec(t, elf, spec, Options{})
	is := folded.Programs["enter"]
	if is.AttachTo != "elsewhere" || is.Flags != 8 || is.License != "MIT" || is.AttachTarget != target ||
		is.Type != ebpf.Kprobe || is.AttachType != 5 || is.Ifindex != 2 || is.KernelVersion != 9 {
		t.Errorf("enter is %+v", is)
	}
	if folded.Programs["leave"].License != "GPL" {
		t.Error("another program was changed")
	}
}

func TestWhatWasRemovedIsRemoved(t *testing.T) {
	elf := read(t, traceObject)
	spec := specOf(t, elf)
	delete(spec.Programs, "leave")
	folded, result := foldSpec(t, elf, spec, Options{})
	if folded.Programs["leave"] != nil || folded.Programs["enter"] == nil {
		t.Errorf("programs: %v", folded.Programs)
	}
	// Only that program has sent events.
	if !slices.Contains(result.DroppedMaps, "events") {
		t.Errorf("dropped: %v", result.DroppedMaps)
	}
}

func TestAddedProgramsKeepTheirMaps(t *testing.T) {
	needKernel(t)
	elf := read(t, traceObject)
	spec := specOf(t, elf)
	spec.Programs["own"] = &ebpf.ProgramSpec{
		Name: "own", Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMapPtr(asm.R1, 0).WithReference("cgroups"),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	}
	folded, _ := foldSpec(t, elf, spec, Options{})
	collection, err := ebpf.NewCollection(folded)
	if err != nil {
		t.Fatal(err)
	}
	collection.Close()
}

func TestWhatCannotBeCarriedIsRefused(t *testing.T) {
	elf := read(t, agentObject)
	for want, change := range map[string]func(spec *ebpf.CollectionSpec){
		"program agent: its instructions were changed at 3": func(spec *ebpf.CollectionSpec) {
			spec.Programs["agent"].Instructions[3].Constant++
		},
		"program agent: its instructions were changed:": func(spec *ebpf.CollectionSpec) {
			agent := spec.Programs["agent"]
			agent.Instructions = append(agent.Instructions, asm.Return())
		},
		"variable added is not in the object": func(spec *ebpf.CollectionSpec) {
			spec.Variables["added"] = &ebpf.VariableSpec{Name: "added", SectionName: ".rodata"}
		},
		"variable cfg was moved": func(spec *ebpf.CollectionSpec) {
			spec.Variables["cfg"].Offset++
		},
		"map handlers: its type was changed": func(spec *ebpf.CollectionSpec) {
			spec.Maps["handlers"].Type = ebpf.Array
		},
		"map .rodata has 0 entries": func(spec *ebpf.CollectionSpec) {
			spec.Maps[".rodata"].Contents = nil
		},
		"map .rodata: the shape of a section was changed": func(spec *ebpf.CollectionSpec) {
			spec.Maps[".rodata"].ValueSize++
		},
	} {
		spec := specOf(t, elf)
		change(spec)
		_, _, err := FoldSpec(context.Background(), elf, spec, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestUnneededMapsShrink(t *testing.T) {
	needKernel(t)
	elf := read(t, agentObject)
	opts := Options{
		Entries: []string{"agent"}, KeepInterface: true, ShrinkUnneeded: true,
		Values: map[string]string{"cfg": "{.transport = TRANSPORT_NONE, .feature = {.tls = true}}"},
	}
	spec := specOf(t, elf)
	spec.Maps["icmp_types"].Pinning = ebpf.PinByName
	folded, _ := foldSpec(t, elf, spec, opts)
	for name, want := range map[string]uint32{
		"dns_ports": 1, "events_ring": uint32(os.Getpagesize()), "tls_versions": 1024,
		"events_perf": 0, "handlers": 3, "icmp_types": 256,
	} {
		if is := folded.Maps[name].MaxEntries; is != want {
			t.Errorf("%s has room for %d", name, is)
		}
	}
	folded.Maps["icmp_types"].Pinning = ebpf.PinNone
	collection, err := ebpf.NewCollection(folded)
	if err != nil {
		t.Fatal(err)
	}
	collection.Close()
}

// Some managers give undefined symbols values in the instructions.
func TestValuesOfSymbolsAreOptions(t *testing.T) {
	program := func(value int64) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Instructions: asm.Instructions{
			asm.LoadImm(asm.R1, value, asm.DWord).WithReference("offset"),
			asm.Return(),
		}}
	}
	err := checkInstructions(program(0), program(8))
	if err == nil || err.Error() != "symbol offset was given a value at instruction 0: "+
		"give it by Options.Values" {
		t.Error(err)
	}
	if err := checkInstructions(program(0), program(0)); err != nil {
		t.Error(err)
	}

	result := fold(t, read(t, "../../tests/objects/symbols.o"), Options{
		Values: map[string]string{"field_offset": "8", "counting": "0"},
	})
	if !slices.Contains(result.DroppedMaps, "hits") {
		t.Errorf("dropped: %v", result.DroppedMaps)
	}
}
