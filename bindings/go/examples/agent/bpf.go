// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/cilium/ebpf"
)

// What bpf2go would make of trace_agent.bpf.c, except that it would embed the object.

type agentPrograms struct {
	Enter *ebpf.Program `ebpf:"enter"`
	Leave *ebpf.Program `ebpf:"leave"`
}

type agentMaps struct {
	Cgroups *ebpf.Map `ebpf:"cgroups"`
	Counts  *ebpf.Map `ebpf:"counts"`
	Events  *ebpf.Map `ebpf:"events"`
	Starts  *ebpf.Map `ebpf:"starts"`
}

type agentVariables struct {
	CountOnly    *ebpf.Variable `ebpf:"count_only"`
	FilterCgroup *ebpf.Variable `ebpf:"filter_cgroup"`
	TargPid      *ebpf.Variable `ebpf:"targ_pid"`
}

type agentObjects struct {
	agentPrograms
	agentMaps
	agentVariables
}

func (objects *agentObjects) Close() error {
	closers := []io.Closer{
		objects.Enter, objects.Leave, objects.Cgroups, objects.Counts, objects.Events, objects.Starts,
	}
	var err error
	for _, closer := range closers {
		err = errors.Join(err, closer.Close())
	}
	return err
}

var agentBytes []byte

func loadAgent(path string) (*ebpf.CollectionSpec, error) {
	var err error
	if agentBytes, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	return ebpf.LoadCollectionSpecFromReader(bytes.NewReader(agentBytes))
}
