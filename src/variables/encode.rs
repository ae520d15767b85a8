//! Values as the user writes them, turned into bits by type: C's initialisers without brace
//! elision.

use object::Endianness;

use super::expression::OddEnum;
use super::finality::Patch;
use super::lex::{Token, Word, words};
use super::number::Range;
use super::path::{Place, Slot, Step, member_place, take_step};
use super::value::is_char;
use super::{VariableError, Variables, bits};
use crate::btf::{Btf, Composite, Kind, TypeId};

impl Variables<'_> {
    /// The bits of a slot for a value. Padding and what an initialiser does not mention are as
    /// in C: padding stays as it is in `section`, members are zero.
    pub(super) fn encode(
        &self,
        slot: &Slot,
        section: &[u8],
        value: &str,
    ) -> Result<Patch, VariableError> {
        let (start, mask) = slot.mask(self.order);
        if let Some(bytes) = self.bare_text(slot, value)? {
            return Ok(Patch { start, bytes, mask, odd: Vec::new() });
        }
        let words = words(value).map_err(|error| VariableError::ValueSyntax {
            path: slot.path.clone(),
            value: value.to_owned(),
            at: error.at,
            expected: error.expected.to_owned(),
        })?;
        let stored = section.get(start as usize..start as usize + mask.len());
        let mut encoder = Encoder {
            btf: self.btf,
            order: self.order,
            path: &slot.path,
            value,
            words: &words,
            next: 0,
            bytes: stored.unwrap_or_default().to_vec(),
            odd: Vec::new(),
        };
        let first_bit = slot.start % 8;
        match slot.ty {
            Some(ty) => encoder.value(ty, first_bit, slot.len)?,
            None => encoder.untyped(first_bit, slot.len)?,
        }
        if encoder.next < words.len() {
            return Err(encoder.syntax("the end of the value"));
        }
        Ok(Patch { start, bytes: encoder.bytes, mask, odd: encoder.odd })
    }

    /// The bytes of a whole `char` array whose text is not in quotes.
    fn bare_text(&self, slot: &Slot, value: &str) -> Result<Option<Vec<u8>>, VariableError> {
        let element = slot.ty.zip(self.btf).and_then(|(ty, btf)| match &btf.resolve(ty).1.kind {
            Kind::Array(array) if is_char(btf, array.element) => Some((ty, btf)),
            _ => None,
        });
        let value = value.trim();
        let marked = value.is_empty() || value.starts_with(['"', '\'', '{']);
        let Some((ty, btf)) = element.filter(|_| !marked && !value.starts_with("hex:")) else {
            return Ok(None);
        };
        if value.contains(['"', '\\']) {
            return Ok(None);
        }
        let (found, room) = (value.len() as u64, slot.len / 8);
        if found > room {
            let (path, what, type_name) = (slot.path.clone(), "characters", btf.type_name(ty));
            return Err(VariableError::TooMany { path, type_name, what, found, room });
        }
        let mut bytes = value.as_bytes().to_vec();
        bytes.resize(usize::try_from(room).unwrap_or(0), 0);
        Ok(Some(bytes))
    }
}

pub(super) struct Encoder<'v> {
    pub(super) btf: Option<&'v Btf>,
    pub(super) order: Endianness,
    /// What is set, for errors.
    pub(super) path: &'v str,
    value: &'v str,
    words: &'v [Word],
    pub(super) next: usize,
    /// The bytes of the slot; bits are counted from their start.
    bytes: Vec<u8>,
    /// Numbers that no enumerator of their enum has.
    pub(super) odd: Vec<OddEnum>,
}

impl Encoder<'_> {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.words.get(self.next).map(|word| &word.token)
    }

    /// Takes the next word if it is this sign.
    pub(super) fn take(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(is_it);
        is_it
    }

    pub(super) fn expect(&mut self, sign: char) -> Result<(), VariableError> {
        if self.take(sign) { Ok(()) } else { Err(self.syntax(&format!("`{sign}`"))) }
    }

    pub(super) fn syntax(&self, expected: &str) -> VariableError {
        VariableError::ValueSyntax {
            path: self.path.to_owned(),
            value: self.value.to_owned(),
            at: self.words.get(self.next).map_or(self.value.len(), |word| word.at),
            expected: expected.to_owned(),
        }
    }

    pub(super) fn word_text(&self) -> String {
        let word = self.words.get(self.next);
        word.and_then(|word| self.value.get(word.at..word.end)).unwrap_or_default().to_owned()
    }

    pub(super) fn type_name(&self, ty: TypeId) -> String {
        self.btf.map_or_else(|| "unknown".to_owned(), |btf| btf.type_name(ty))
    }

    pub(super) fn wrong_type(&self, type_name: String, expected: &str) -> VariableError {
        if self.next >= self.words.len() {
            return self.syntax(expected);
        }
        VariableError::WrongType {
            path: self.path.to_owned(),
            type_name,
            value: self.word_text(),
            expected: expected.to_owned(),
        }
    }

    pub(super) fn float(&self) -> VariableError {
        VariableError::Float { path: self.path.to_owned(), value: self.word_text() }
    }

    fn write(&mut self, start: u64, len: u64, value: u128) {
        bits::write(&mut self.bytes, self.order, start, len, value);
    }

    fn write_bytes(&mut self, start: u64, bytes: &[u8]) {
        let start = (start / 8) as usize;
        if let Some(target) = self.bytes.get_mut(start..start + bytes.len()) {
            target.copy_from_slice(bytes);
        }
    }

    /// `hex:...` for exactly the bytes of anything that is made of whole bytes.
    fn hex(&mut self, type_name: String, start: u64, len: u64) -> Result<bool, VariableError> {
        let Some(Token::Hex(bytes)) = self.peek() else { return Ok(false) };
        if !bits::are_bytes(start, len) {
            return Err(self.wrong_type(type_name, "a number: a bit-field is not made of bytes"));
        }
        let (found, room) = (bytes.len() as u64, len / 8);
        if found > room {
            let (path, what) = (self.path.to_owned(), "bytes");
            return Err(VariableError::TooMany { path, type_name, what, found, room });
        }
        if found < room {
            let expected = format!("{room} bytes, not {found}");
            return Err(self.wrong_type(type_name, &expected));
        }
        let bytes = bytes.clone();
        self.write_bytes(start, &bytes);
        self.next += 1;
        Ok(true)
    }

    fn value(&mut self, ty: TypeId, start: u64, len: u64) -> Result<(), VariableError> {
        let Some(btf) = self.btf else { return self.untyped(start, len) };
        let type_name = btf.type_name(ty);
        let kind = &btf.resolve(ty).1.kind;
        let is_text = matches!(kind, Kind::Array(array) if is_char(btf, array.element));
        if self.hex(type_name.clone(), start, len)?
            || !is_text && self.address(&type_name, kind, start, len)?
        {
            return Ok(());
        }
        match kind {
            Kind::Int(int) if int.bool => {
                let range = Range { signed: false, either: false, bits: 1 };
                let number = self.bool(ty, &range)?;
                self.write(start, len, number);
                Ok(())
            }
            Kind::Int(int) => {
                let range = Range { signed: int.signed, either: false, bits: len };
                let number = self.number(ty, &range, None)?;
                self.write(start, len, number);
                Ok(())
            }
            Kind::Enum(enumeration) | Kind::Enum64(enumeration) => {
                let range =
                    Range { signed: enumeration.signed, either: !enumeration.signed, bits: len };
                let number = self.number(ty, &range, Some(enumeration))?;
                self.write(start, len, number);
                Ok(())
            }
            Kind::Ptr(_) => {
                let range = Range { signed: false, either: false, bits: len };
                let number = self.number(ty, &range, None)?;
                self.write(start, len, number);
                Ok(())
            }
            Kind::Array(array) => self.array(btf, ty, array.element, start, len),
            Kind::Struct(composite) => self.composite(btf, ty, composite, false, start, len),
            Kind::Union(composite) => self.composite(btf, ty, composite, true, start, len),
            Kind::Float { .. } => Err(self.float()),
            _ => Err(self.wrong_type(type_name, "its bytes as `hex:...`")),
        }
    }

    /// An address in network order, for exactly its bytes.
    fn address(
        &mut self,
        type_name: &str,
        kind: &Kind,
        start: u64,
        len: u64,
    ) -> Result<bool, VariableError> {
        let Some(Token::Address(bytes, what)) = self.peek() else { return Ok(false) };
        let takes = match kind {
            Kind::Int(int) => !int.bool,
            Kind::Array(_) | Kind::Struct(_) | Kind::Union(_) | Kind::Void => true,
            _ => false,
        };
        let size = bytes.len() as u64;
        if !takes || !bits::are_bytes(start, len) || size != len / 8 {
            let expected = format!("something of {} bytes: {what}es have {size}", len.div_ceil(8));
            return Err(self.wrong_type(type_name.to_owned(), &expected));
        }
        let bytes = bytes.clone();
        self.write_bytes(start, &bytes);
        self.next += 1;
        Ok(true)
    }

    /// Text without quotes, up to the comma or brace behind it.
    fn bare_word(&mut self, type_name: String, start: u64, len: u64) -> Result<(), VariableError> {
        let ends = |word: &Word| matches!(word.token, Token::Sign(',' | '}'));
        let rest = self.words.get(self.next..).unwrap_or_default();
        let count = rest.iter().position(ends).unwrap_or(rest.len());
        let from = rest.first().map_or(self.value.len(), |word| word.at);
        let to = count.checked_sub(1).and_then(|last| rest.get(last)).map_or(from, |word| word.end);
        let text = self.value.get(from..to).unwrap_or_default().as_bytes().to_vec();
        self.next += count;
        self.put_text(text, type_name, start, len)
    }

    /// Something without a type: a number of its size, or text, or bytes.
    fn untyped(&mut self, start: u64, len: u64) -> Result<(), VariableError> {
        let type_name = format!("{} bytes", len / 8);
        if self.hex(type_name.clone(), start, len)?
            || self.address(&type_name, &Kind::Void, start, len)?
        {
            return Ok(());
        }
        match self.peek() {
            Some(Token::Text(_)) => self.text(type_name, start, len),
            Some(Token::Sign('{')) => Err(self
                .wrong_type(type_name, "a number, a string or `hex:...`: no BTF tells its type")),
            _ if matches!(len, 8 | 16 | 32 | 64 | 128) => {
                let range = Range { signed: false, either: true, bits: len };
                let number = self.number(TypeId::VOID, &range, None)?;
                self.write(start, len, number);
                Ok(())
            }
            _ => Err(self.wrong_type(type_name, "a string or `hex:...`")),
        }
    }

    fn text(&mut self, type_name: String, start: u64, len: u64) -> Result<(), VariableError> {
        let Some(Token::Text(text)) = self.peek() else {
            return Err(self.wrong_type(type_name, "a string"));
        };
        let text = text.clone();
        self.next += 1;
        self.put_text(text, type_name, start, len)
    }

    fn put_text(
        &mut self,
        mut text: Vec<u8>,
        type_name: String,
        start: u64,
        len: u64,
    ) -> Result<(), VariableError> {
        let (found, room) = (text.len() as u64, len / 8);
        if found > room {
            let (path, what) = (self.path.to_owned(), "characters");
            return Err(VariableError::TooMany { path, type_name, what, found, room });
        }
        text.resize(usize::try_from(room).unwrap_or(0), 0);
        self.write_bytes(start, &text);
        Ok(())
    }

    fn array(
        &mut self,
        btf: &Btf,
        ty: TypeId,
        element: TypeId,
        start: u64,
        len: u64,
    ) -> Result<(), VariableError> {
        let size = btf.size_of(element).and_then(|size| size.checked_mul(8)).unwrap_or(0);
        let is_text = matches!(&btf.resolve(element).1.kind, Kind::Int(int) if int.size == 1);
        if is_text && matches!(self.peek(), Some(Token::Text(_))) {
            return self.text(btf.type_name(ty), start, len);
        }
        let is_bare = |token: &Token| {
            matches!(
                token,
                Token::Name(_)
                    | Token::Number(_)
                    | Token::Float
                    | Token::Version(_)
                    | Token::Address(..)
            )
        };
        if is_char(btf, element) && self.peek().is_some_and(is_bare) {
            return self.bare_word(btf.type_name(ty), start, len);
        }
        let expected = if is_char(btf, element) {
            "a string in double quotes, or its elements in `{...}`"
        } else {
            "its elements in `{...}`"
        };
        if !self.take('{') {
            return Err(self.wrong_type(btf.type_name(ty), expected));
        }
        bits::fill(&mut self.bytes, self.order, start, len, false);
        let count = len.checked_div(size).unwrap_or(0);
        let mut index = 0_u64;
        while !self.take('}') {
            if self.take('[') {
                index = self.index(ty, count)?;
                self.expect(']')?;
                let place = Place { ty: element, start: start + index * size, len: size };
                self.designated(btf, place)?;
            } else if index >= count {
                return Err(VariableError::TooMany {
                    path: self.path.to_owned(),
                    type_name: btf.type_name(ty),
                    what: "elements",
                    found: index + 1,
                    room: count,
                });
            } else {
                self.value(element, start + index * size, size)?;
            }
            index += 1;
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(())
    }

    /// The index of a designator, less than `count`; the word after it is not taken.
    fn index(&mut self, ty: TypeId, count: u64) -> Result<u64, VariableError> {
        let Some(Token::Number(index)) = self.peek() else {
            return Err(self.syntax("an index"));
        };
        let index = u64::try_from(*index).unwrap_or(u64::MAX);
        if index >= count {
            let path = self.type_name(ty);
            return Err(VariableError::Index { path, index, count });
        }
        self.next += 1;
        Ok(index)
    }

    /// What follows the first designator: more of them, `=` and the value.
    fn designated(&mut self, btf: &Btf, mut place: Place) -> Result<(), VariableError> {
        loop {
            let step = if self.take('.') {
                Step::Member(self.member_name()?)
            } else if self.take('[') {
                let Some(Token::Number(index)) = self.peek() else {
                    return Err(self.syntax("an index"));
                };
                let index = u64::try_from(*index).unwrap_or(u64::MAX);
                self.next += 1;
                self.expect(']')?;
                Step::Element(index)
            } else {
                break;
            };
            let inner = take_step(btf, place.ty, self.path, &step)?;
            place = Place { start: place.start + inner.start, ..inner };
        }
        self.expect('=')?;
        self.value(place.ty, place.start, place.len)
    }

    fn member_name(&mut self) -> Result<String, VariableError> {
        let Some(Token::Name(name)) = self.peek() else {
            return Err(self.syntax("the name of a member"));
        };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    fn composite(
        &mut self,
        btf: &Btf,
        ty: TypeId,
        composite: &Composite,
        is_union: bool,
        start: u64,
        len: u64,
    ) -> Result<(), VariableError> {
        if !self.take('{') {
            return Err(self.wrong_type(btf.type_name(ty), "its members in `{...}`"));
        }
        if is_union {
            bits::fill(&mut self.bytes, self.order, start, len, false);
        } else {
            for member in &composite.members {
                if let Some(place) = member_place(btf, member) {
                    let start = start + place.start;
                    bits::fill(&mut self.bytes, self.order, start, place.len, false);
                }
            }
        }
        let mut next = 0;
        while !self.take('}') {
            if self.take('.') {
                let name = self.member_name()?;
                let inner = take_step(btf, ty, self.path, &Step::Member(name.clone()))?;
                let place = Place { start: start + inner.start, ..inner };
                self.designated(btf, place)?;
                next = 1 + member_index(btf, composite, &name);
            } else {
                let room = if is_union { 1 } else { composite.members.len() };
                let place = composite
                    .members
                    .get(next)
                    .filter(|_| next < room)
                    .and_then(|member| member_place(btf, member));
                let Some(place) = place else {
                    return Err(VariableError::TooMany {
                        path: self.path.to_owned(),
                        type_name: btf.type_name(ty),
                        what: "members",
                        found: next as u64 + 1,
                        room: room as u64,
                    });
                };
                self.value(place.ty, start + place.start, place.len)?;
                next += 1;
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(())
    }
}

/// Place of the member, or of the anonymous member that it is in.
fn member_index(btf: &Btf, composite: &Composite, name: &str) -> usize {
    composite
        .members
        .iter()
        .position(|member| match btf.str(member.name) {
            "" => btf.find_member(member.ty, name).is_some(),
            known => known == name,
        })
        .unwrap_or(composite.members.len())
}
