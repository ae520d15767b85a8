// SPDX-License-Identifier: MIT OR Apache-2.0

package bpfold

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// The first fold of a process.
func BenchmarkFirstFold(b *testing.B) {
	elf := read(b, traceObject)
	cached := Config{CacheDir: b.TempDir()}
	for name, config := range map[string]Config{
		"compiled": {}, "cached": cached, "interpreted": {Interpret: true},
	} {
		first := func(b *testing.B) {
			folder, err := New(context.Background(), config)
			if err != nil {
				b.Fatal(err)
			}
			_, err = folder.Fold(context.Background(), elf, Options{FreezeAll: true})
			if err != nil {
				b.Fatal(err)
			}
			folder.Close(context.Background())
		}
		if config.CacheDir != "" {
			first(b)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				first(b)
			}
		})
	}
}

// Each further one, beside reading the object and loading it.
func BenchmarkFold(b *testing.B) {
	for _, path := range examples(b) {
		elf := read(b, path)
		name := strings.TrimSuffix(filepath.Base(path), ".bpf.o")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fold(b, elf, Options{FreezeAll: true})
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	needKernel(b)
	for _, path := range examples(b) {
		elf := read(b, path)
		folded := fold(b, elf, Options{FreezeAll: true}).ELF
		name := strings.TrimSuffix(filepath.Base(path), ".bpf.o")
		for which, elf := range map[string][]byte{"plain": elf, "folded": folded} {
			b.Run(name+"/"+which, func(b *testing.B) {
				for b.Loop() {
					collection, err := ebpf.NewCollection(specOf(b, elf))
					if err != nil {
						b.Skip(err)
					}
					collection.Close()
				}
			})
		}
	}
}
