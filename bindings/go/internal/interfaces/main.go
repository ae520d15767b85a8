// SPDX-License-Identifier: MIT OR Apache-2.0

// Compares what cilium/ebpf finds in objects before and after folding with KeepInterface:
//
//	go run ./internal/interfaces DIR...
//
// Every map, program and variable of each object below the directories that cilium/ebpf reads must
// still be there, as what it was. It prints what is not, and totals. Of two data sections of one
// name cilium/ebpf takes either, from run to run, so objects with such are left out.
package main

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"

	"bpfold.example/bpfold"
)

func main() {
	folds, refused, unread, names, bad, twice := 0, 0, 0, 0, 0, 0
	visit := func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !strings.HasSuffix(path, ".o") && !strings.HasSuffix(path, ".elf") {
			return nil
		}
		object, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		before, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
		if err != nil {
			unread++
			return nil
		}
		if hasNameTwice(object) {
			twice++
			return nil
		}
		for _, freeze := range []bool{false, true} {
			folds++
			options := bpfold.Options{KeepInterface: true, FreezeAll: freeze}
			result, err := bpfold.Fold(context.Background(), object, options)
			if err != nil {
				refused++
				fmt.Printf("%s: refused: %v\n", path, err)
				continue
			}
			problems := compare(before, result)
			names += len(before.Maps) + len(before.Programs) + len(before.Variables)
			bad += len(problems)
			for _, problem := range problems {
				fmt.Printf("%s: %s\n", path, problem)
			}
		}
		return nil
	}
	for _, dir := range os.Args[1:] {
		if err := filepath.WalkDir(dir, visit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Printf("%d folds, %d refused, %d names, %d missing or changed; %d objects are not read as they are, "+
		"%d have two data sections of one name\n", folds, refused, names, bad, unread, twice)
	if bad > 0 || folds == 0 {
		os.Exit(1)
	}
}

// hasNameTwice says whether two data sections of an object have one name.
func hasNameTwice(object []byte) bool {
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return false
	}
	seen := make(map[string]bool)
	for _, section := range file.Sections {
		if section.Flags&elf.SHF_ALLOC == 0 || section.Flags&elf.SHF_EXECINSTR != 0 {
			continue
		}
		if seen[section.Name] {
			return true
		}
		seen[section.Name] = true
	}
	return false
}

func compare(before *ebpf.CollectionSpec, result *bpfold.Result) []string {
	after, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(result.ELF))
	if err != nil {
		return []string{fmt.Sprintf("the folded object is not read: %v", err)}
	}
	var problems []string
	for name, was := range before.Maps {
		if is := after.Maps[name]; is == nil {
			// cilium/ebpf makes no map of a section without symbols that no instruction uses
			// any more, and bpf2go no field of a section: constants of the compiler.
			if strings.HasPrefix(name, ".") && !hasVariables(before, name) {
				continue
			}
			problems = append(problems, "no map "+name)
		} else if is.Type != was.Type || is.KeySize != was.KeySize || is.ValueSize != was.ValueSize ||
			is.MaxEntries != was.MaxEntries || is.Flags != was.Flags || is.Pinning != was.Pinning {
			problems = append(problems, fmt.Sprintf("map %s was %v and is %v", name, was, is))
		}
	}
	for name, was := range before.Programs {
		if is := after.Programs[name]; is == nil {
			problems = append(problems, "no program "+name)
		} else if is.Type != was.Type || is.AttachType != was.AttachType ||
			is.AttachTo != was.AttachTo || is.SectionName != was.SectionName {
			problems = append(problems, fmt.Sprintf("program %s is for another hook", name))
		}
	}
	for name, was := range before.Variables {
		if is := after.Variables[name]; is == nil {
			problems = append(problems, "no variable "+name)
		} else if is.SectionName != was.SectionName || is.Size() != was.Size() {
			problems = append(problems, fmt.Sprintf("variable %s was %v and is %v", name, was, is))
		}
	}
	return problems
}

func hasVariables(spec *ebpf.CollectionSpec, section string) bool {
	for _, variable := range spec.Variables {
		if variable.SectionName == section {
			return true
		}
	}
	return false
}
