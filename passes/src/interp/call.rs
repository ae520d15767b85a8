//! Answers to calls of helpers, kfuncs and functions that cannot be entered.

use super::machine::{Machine, Stop};
use super::memory::{Hash, Memory};
use super::{Event, Fault, Observed, Place};
use crate::entity::{Func, Map};
use crate::helpers::{Access, Arg, Extent, Helper, Indirect, Ret};
use crate::isa::{Callee, Endian, Reg};

/// What a call gives.
pub(super) enum Answer {
    /// It returns, and leaves this in `r0`.
    Value(Option<u64>),
    /// The calling function returns this instead (tail call).
    Leave(u64),
}

/// Memory that a helper is given.
struct Given {
    address: u64,
    len: u64,
    access: Access,
}

/// Bytes that an unknown function touches where it is given a frame address, and that `%s`
/// and the like read.
const UNKNOWN_EXTENT: u64 = 8;

/// More than any helper is given in one argument; a larger size is a fault.
const MAX_EXTENT: u64 = 1 << 16;

const EINVAL: i64 = 22;
const E2BIG: i64 = 7;
const ENOENT: i64 = 2;

/// BPF_MAX_LOOPS of `include/linux/bpf.h`.
const MAX_LOOPS: u32 = 8 * 1024 * 1024;

impl Machine<'_> {
    /// Calls a helper.
    pub(super) fn helper(&mut self, number: i32, args: [Option<u64>; 5]) -> Result<Answer, Stop> {
        let callee = Callee::Helper(number);
        let Some(helper) = Helper::get(number) else { return self.unknown(callee, args) };
        let mut values = Vec::new();
        for ((kind, value), reg) in helper.args.iter().zip(args).zip(Reg::arguments()) {
            if value.is_none() && *kind != Arg::Variadic {
                return Err(Fault::UninitialisedRegister { reg }.into());
            }
            values.push(value);
        }
        if helper.runs_nothing(|reg| values.get(reg.index().wrapping_sub(1)).copied().flatten()) {
            return Ok(Answer::Value(Some(0)));
        }
        let given = self.given(helper, &values)?;
        let mut memory = Vec::new();
        for given in given.iter().filter(|g| g.access.reads()) {
            memory.extend(self.read(given)?);
        }
        let indirect = self.indirect(helper, &values, &memory);
        memory.extend(indirect.iter().map(|&address| self.read_prefix(address)));
        let hash = self.record(callee, values.clone(), memory);

        for (index, given) in given.iter().enumerate().filter(|(_, g)| g.access.writes()) {
            self.write(given, hash.with(index as u64))?;
        }
        if helper.indirect == Indirect::ReadsWrites {
            for &address in &indirect {
                self.write_known(address, UNKNOWN_EXTENT, hash);
            }
        }
        let retained = given.iter().filter(|g| g.access == Access::Retain);
        self.retained.extend(retained.map(|g| (g.address, g.len)));
        self.result(helper, &values, hash.finish())
    }

    /// Calls something of which nothing is known.
    pub(super) fn unknown(
        &mut self,
        callee: Callee,
        args: [Option<u64>; 5],
    ) -> Result<Answer, Stop> {
        let frames = args.into_iter().flatten().filter(|&value| Memory::is_frame(value));
        let frames: Vec<u64> = frames.collect();
        let memory = frames.iter().map(|&address| self.read_prefix(address)).collect();
        let hash = self.record(callee, args.to_vec(), memory);
        for (index, &address) in frames.iter().enumerate() {
            for i in 0..UNKNOWN_EXTENT {
                let byte = hash.with(index as u64).with(i).finish() as u8;
                if self.memory.poke(address.wrapping_add(i), byte).is_err() {
                    break;
                }
            }
        }
        let value = hash.finish();
        Ok(Answer::Value(Some(match value % 4 {
            0 => 0,
            1 => value >> 8 & 63,
            _ => Place::Object(self.calls).address(0),
        })))
    }

    /// Records a call and gives the hash of its answer; retained memory may change.
    fn record(&mut self, callee: Callee, args: Vec<Option<u64>>, memory: Vec<Observed>) -> Hash {
        self.calls += 1;
        let name = match callee {
            Callee::Helper(number) => number as u64,
            Callee::Func(func) => Place::Func(func).address(0),
            Callee::Extern(ext) => Place::Extern(ext).address(0),
            Callee::Pseudo { .. } => 0,
        };
        let mut hash = Hash::new(self.input.seed).with(name).with(self.calls.into());
        for value in args.iter().flatten() {
            hash = hash.with(*value);
        }
        for byte in memory.iter().flat_map(|m| &m.bytes) {
            hash = hash.with(byte.map_or(256, u64::from));
        }
        self.events.push(Event::Call { callee, args, memory });
        for (address, len) in self.retained.clone() {
            if hash.with(address).finish().is_multiple_of(2) {
                self.write_known(address, len, hash);
            }
        }
        hash
    }

    /// The memory among the arguments; null arguments give none.
    fn given(&self, helper: &Helper, values: &[Option<u64>]) -> Result<Vec<Given>, Fault> {
        let value = |index: usize| values.get(index).copied().flatten().unwrap_or(0);
        let shape = self.map_argument(helper, values).and_then(|map| self.input.map(map));
        let mut given = Vec::new();
        for (index, kind) in helper.args.iter().enumerate() {
            let &Arg::Memory { access, extent } = kind else { continue };
            let address = value(index);
            if address == 0 {
                continue;
            }
            let len = match extent {
                Extent::Bytes(bytes) => bytes.into(),
                Extent::Arg(size) => u64::from(value(usize::from(size).wrapping_sub(1)) as u32),
                Extent::MapKey => match shape {
                    Some(shape) => shape.key_size.into(),
                    None => self.known_len(address),
                },
                Extent::MapValue => match shape {
                    Some(shape) => shape.value_size.into(),
                    None => self.known_len(address),
                },
                Extent::String => self.string_len(address)?,
            };
            if len > MAX_EXTENT {
                return Err(Fault::BadAddress { address: address.wrapping_add(MAX_EXTENT) });
            }
            given.push(Given { address, len, access });
        }
        Ok(given)
    }

    fn map_argument(&self, helper: &Helper, values: &[Option<u64>]) -> Option<Map> {
        let index = helper.args.iter().position(|arg| *arg == Arg::Map)?;
        self.memory.map_at(values.get(index).copied().flatten()?)
    }

    /// Bytes of the string at `address` with its zero byte.
    fn string_len(&self, address: u64) -> Result<u64, Fault> {
        for len in 0..MAX_EXTENT {
            if self.memory.byte(address.wrapping_add(len))? == 0 {
                return Ok(len + 1);
            }
        }
        Err(Fault::BadAddress { address: address.wrapping_add(MAX_EXTENT) })
    }

    /// The number of initialised bytes at `address`, at most 64.
    fn known_len(&self, address: u64) -> u64 {
        let known = |i: &u64| matches!(self.memory.peek(address.wrapping_add(*i)), Ok(Some(_)));
        (0..64).take_while(known).count() as u64
    }

    /// What a helper reads. Frame bytes may be uninitialised: privileged programs can pass
    /// such memory since 6.3.
    fn read(&self, given: &Given) -> Result<Option<Observed>, Fault> {
        let bytes = (0..given.len).map(|i| self.memory.peek(given.address.wrapping_add(i)));
        match bytes.collect() {
            Ok(bytes) => Ok(Some(Observed { address: given.address, bytes })),
            Err(_) if given.access == Access::Probe => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The bytes that something of unknown extent reads, as far as there is memory.
    fn read_prefix(&self, address: u64) -> Observed {
        let bytes =
            (0..UNKNOWN_EXTENT).map_while(|i| self.memory.peek(address.wrapping_add(i)).ok());
        Observed { address, bytes: bytes.collect() }
    }

    /// Writes all of it or, if the hash says so, only what is not initialised.
    fn write(&mut self, given: &Given, hash: Hash) -> Result<(), Fault> {
        let all = !hash.finish().is_multiple_of(4);
        for i in 0..given.len {
            let address = given.address.wrapping_add(i);
            if all || self.memory.peek(address)?.is_none() {
                self.memory.poke(address, hash.with(i).finish() as u8)?;
            }
        }
        Ok(())
    }

    /// Overwrites up to 8 bytes as far as they are initialised.
    fn write_known(&mut self, address: u64, len: u64, hash: Hash) {
        for i in 0..len.min(UNKNOWN_EXTENT) {
            let address = address.wrapping_add(i);
            if matches!(self.memory.peek(address), Ok(Some(_)))
                && self.memory.poke(address, hash.with(i).finish() as u8).is_err()
            {
                return;
            }
        }
    }

    /// Frame addresses that a helper goes through besides its arguments: those that stand in
    /// the memory that it reads, by 8-byte words, and those that only a format string names.
    fn indirect(&self, helper: &Helper, values: &[Option<u64>], memory: &[Observed]) -> Vec<u64> {
        let mut found = Vec::new();
        for (kind, value) in helper.args.iter().zip(values) {
            if *kind == Arg::Variadic {
                found.extend(*value);
            }
        }
        if helper.indirect != Indirect::None {
            let words = memory.iter().flat_map(|m| m.bytes.chunks_exact(8));
            for word in words {
                let push =
                    |value: Option<u64>, byte: &Option<u8>| Some(value? << 8 | u64::from((*byte)?));
                found.extend(match self.program.endian {
                    Endian::Little => word.iter().rev().fold(Some(0), push),
                    Endian::Big => word.iter().fold(Some(0), push),
                });
            }
        }
        found.retain(|&value| Memory::is_frame(value));
        found
    }

    fn result(
        &mut self,
        helper: &Helper,
        values: &[Option<u64>],
        hash: u64,
    ) -> Result<Answer, Stop> {
        if helper.tail_call {
            let fails = hash.is_multiple_of(2);
            return Ok(if fails { Answer::Value(None) } else { Answer::Leave(hash >> 60) });
        }
        if let Some(count) = self.callbacks(helper, values, hash)? {
            return Ok(Answer::Value(Some(count as u64)));
        }
        let pointer = match self.map_argument(helper, values) {
            Some(map) if helper.args.iter().any(|arg| matches!(arg, Arg::Memory { .. })) => {
                Place::MapValue(map, (hash >> 8) as u32)
            }
            _ => Place::Object(self.calls),
        };
        Ok(Answer::Value(match helper.ret {
            Ret::Void => None,
            Ret::Ptr => Some(pointer.address(0)),
            Ret::PtrOrNull if hash.is_multiple_of(4) => Some(0),
            Ret::PtrOrNull => Some(pointer.address(0)),
            Ret::Integer | Ret::Length(_) => Some(integer(helper, values, hash)),
        }))
    }

    /// Runs the callback of a helper that calls it before it returns; gives what the helper
    /// returns then.
    fn callbacks(
        &mut self,
        helper: &Helper,
        values: &[Option<u64>],
        hash: u64,
    ) -> Result<Option<i64>, Stop> {
        let value = |index: usize| values.get(index).copied().flatten();
        let object = Place::Object(self.calls);
        let some = (hash >> 8) % 4;
        Ok(Some(match helper.number {
            Helper::LOOP => {
                let count = value(0).unwrap_or(0) as u32;
                if value(3) != Some(0) {
                    return Ok(Some(-EINVAL));
                }
                if count > MAX_LOOPS {
                    return Ok(Some(-E2BIG));
                }
                self.repeat(count, value(1), |i| [Some(i), value(2), None, None, None])?
            }
            Helper::FOR_EACH_MAP_ELEM => {
                let map = self.map_argument(helper, values);
                self.repeat(some as u32, value(1), |i| {
                    let element = map.map_or(object, |map| Place::MapValue(map, i as u32));
                    let key = object.address(64 * i as i64);
                    [value(0), Some(key), Some(element.address(0)), value(2), None]
                })?
            }
            Helper::FIND_VMA if some == 0 => -ENOENT,
            Helper::FIND_VMA => {
                let args = [value(0), Some(object.address(0)), value(3), None, None];
                self.repeat(1, value(2), |_| args)?;
                0
            }
            Helper::USER_RINGBUF_DRAIN => {
                let sample = Some(object.address(0));
                self.repeat(some as u32, value(1), |_| [sample, value(2), None, None, None])?
            }
            _ => return Ok(None),
        }))
    }

    /// Calls `callback` until it returns something else than 0, at most `count` times; gives
    /// the number of calls.
    fn repeat(
        &mut self,
        count: u32,
        callback: Option<u64>,
        args: impl Fn(u64) -> [Option<u64>; 5],
    ) -> Result<i64, Stop> {
        let func: Func = match callback.and_then(Place::of) {
            Some((Place::Func(func), 0)) => func,
            _ => return Err(Fault::Unsupported.into()),
        };
        for i in 0..count {
            let reg = Reg::R0;
            let result = self.function(func, args(i.into()))?;
            if result.ok_or(Fault::UninitialisedRegister { reg })? != 0 {
                return Ok(i64::from(i) + 1);
            }
        }
        Ok(count.into())
    }
}

/// An integer result: often 0 or small, an error, or anything. Where programs rely on the
/// verifier to know bounds (`do_refine_retval_range` of `kernel/bpf/verifier.c`, processor
/// numbers), within these.
fn integer(helper: &Helper, values: &[Option<u64>], hash: u64) -> u64 {
    let bits = hash >> 8;
    let error = (-1 - (bits % 133) as i64) as u64;
    let bounded_by = match (helper.ret, helper.name) {
        (Ret::Length(number), _) => Some(number),
        (_, "bpf_get_task_stack") => Some(3),
        (_, "bpf_get_smp_processor_id" | "bpf_get_numa_node_id") => return bits % 8,
        _ => None,
    };
    if let Some(number) = bounded_by {
        let size = values.get(usize::from(number) - 1).copied().flatten().unwrap_or(0);
        return if hash.is_multiple_of(4) { error } else { bits % (size as u32 as u64 + 1) };
    }
    match hash % 4 {
        0 => 0,
        1 => error,
        2 => bits % 64,
        _ => hash,
    }
}
