// SPDX-License-Identifier: MIT OR Apache-2.0

// An agent that folds its programs at start-up:
//
//	agent examples/trace_agent.bpf.o [plain|fold|keep]
//
// It loads the programs and says what the kernel has got. It attaches nothing.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/cilium/ebpf"

	"bpfold.example/bpfold"
)

func main() {
	mode := "fold"
	if len(os.Args) > 2 {
		mode = os.Args[2]
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: agent OBJECT [plain|fold|keep]")
		os.Exit(2)
	}
	if err := run(os.Args[1], mode); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path, mode string) error {
	spec, err := loadAgent(path)
	if err != nil {
		return err
	}
	if err := spec.Variables["targ_pid"].Set(int32(4711)); err != nil {
		return err
	}
	if err := spec.Variables["count_only"].Set(false); err != nil {
		return err
	}
	spec.Maps["starts"].MaxEntries = 64

	var objects agentObjects
	switch mode {
	case "plain":
		err = spec.LoadAndAssign(&objects, nil)
	case "fold":
		var folded *bpfold.Result
		spec, folded, err = bpfold.FoldSpec(context.Background(), agentBytes, spec, bpfold.Options{})
		if err == nil {
			err = folded.LoadAndAssign(spec, &objects, nil)
		}
	case "keep":
		// What the struct does not name goes all the same.
		var opts bpfold.Options
		if err = opts.KeepFor(&objects); err == nil {
			spec, _, err = bpfold.FoldSpec(context.Background(), agentBytes, spec, opts)
		}
		if err == nil {
			err = spec.LoadAndAssign(&objects, nil)
		}
	default:
		err = fmt.Errorf("%s is not plain, fold or keep", mode)
	}
	if err != nil {
		return err
	}
	defer objects.Close()
	return show(&objects)
}

func show(objects *agentObjects) error {
	programs := map[string]*ebpf.Program{"enter": objects.Enter, "leave": objects.Leave}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		info, err := programs[name].Info()
		if err != nil {
			return err
		}
		verified, _ := info.VerifiedInstructions()
		size, err := info.TranslatedSize()
		if err != nil {
			return err
		}
		fmt.Printf("program %s: %d instructions, %d verified\n", name, size/8, verified)
	}
	all := map[string]*ebpf.Map{
		"cgroups": objects.Cgroups, "counts": objects.Counts,
		"events": objects.Events, "starts": objects.Starts,
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if m := all[name]; m == nil {
			fmt.Printf("map %s: gone\n", name)
		} else {
			fmt.Printf("map %s: %d entries\n", name, m.MaxEntries())
		}
	}
	return nil
}
