// SPDX-License-Identifier: MIT OR Apache-2.0

// Loads each program of an object with cilium/ebpf, one at a time, and prints its name, ok or
// fail, and the number of instructions or the error.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/cilium/ebpf"
)

func main() {
	spec, err := ebpf.LoadCollectionSpec(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var names []string
	for name := range spec.Programs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		verdict, detail := "ok", ""
		one := spec.Copy()
		for other := range one.Programs {
			if other != name && !inProgArray(one, other) {
				delete(one.Programs, other)
			}
		}
		for _, m := range one.Maps {
			m.Pinning = ebpf.PinNone
		}
		count := len(one.Programs[name].Instructions)
		collection, err := ebpf.NewCollection(one)
		if err != nil {
			verdict, detail = "fail", strings.Join(strings.Fields(err.Error()), " ")
		} else {
			detail = fmt.Sprint(count)
			collection.Close()
		}
		fmt.Printf("%s\t%s\t%s\n", name, verdict, detail)
	}
}

// inProgArray says whether a program is an initial value of a map, which then needs it.
func inProgArray(spec *ebpf.CollectionSpec, name string) bool {
	for _, m := range spec.Maps {
		for _, kv := range m.Contents {
			if kv.Value == name {
				return true
			}
		}
	}
	return false
}
