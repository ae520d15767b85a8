//! Types as C writes them.

use super::Btf;
use super::types::{Kind, TypeId};

/// How many types one declaration may be made of; prototypes can repeat others without end.
const PART_LIMIT: u32 = 512;

impl Btf {
    /// A type as in a C declaration without the declared name: `const volatile __u32`,
    /// `struct config`, `char[16]`, `void (*)(int)`. Anonymous types show as `struct {...}`.
    #[must_use]
    pub fn type_name(&self, id: TypeId) -> String {
        self.declare(id, String::new(), &mut { PART_LIMIT })
    }

    /// `inner` is what stands at the place of the declared name: pointers, arrays, parameters.
    fn declare(&self, id: TypeId, inner: String, parts: &mut u32) -> String {
        *parts = parts.saturating_sub(1);
        if *parts == 0 {
            return format!("...{inner}");
        }
        let ty = self.ty(id);
        let name = self.str(ty.name);
        let plain = |text: &str| {
            let spaced = inner.starts_with(['*', '(']);
            if spaced { format!("{text} {inner}") } else { format!("{text}{inner}") }
        };
        let tagged = |keyword: &str, body: &str| {
            let tag = if name.is_empty() { body } else { name };
            plain(&format!("{keyword} {tag}"))
        };
        let modified = |modifier: &str, target: TypeId, parts: &mut u32| match &self.ty(target).kind
        {
            // A modifier of a pointer stands after the asterisk.
            Kind::Ptr(pointee) => {
                self.declare(*pointee, self.pointer(*pointee, modifier, &inner), parts)
            }
            _ => format!("{modifier} {}", self.declare(target, inner.clone(), parts)),
        };
        match &ty.kind {
            Kind::Void => plain("void"),
            Kind::Int(_) | Kind::Float { .. } | Kind::Typedef(_) => plain(name),
            Kind::Ptr(target) => self.declare(*target, self.pointer(*target, "", &inner), parts),
            Kind::Array(array) => {
                self.declare(array.element, format!("{inner}[{}]", array.count), parts)
            }
            Kind::Struct(_) | Kind::Fwd { is_union: false, .. } => tagged("struct", "{...}"),
            Kind::Union(_) | Kind::Fwd { is_union: true, .. } => tagged("union", "{...}"),
            Kind::Enum(_) | Kind::Enum64(_) => tagged("enum", "{...}"),
            Kind::Volatile(target) => modified("volatile", *target, parts),
            Kind::Const(target) => modified("const", *target, parts),
            Kind::Restrict(target) => modified("restrict", *target, parts),
            Kind::TypeTag(target) | Kind::DeclTag { target, .. } => {
                self.declare(*target, inner, parts)
            }
            Kind::Var { ty, .. } => self.declare(*ty, inner, parts),
            Kind::Func { proto, .. } => self.declare(*proto, inner, parts),
            Kind::FuncProto(proto) => {
                let params: Vec<String> = proto
                    .params
                    .iter()
                    .map(|param| match param.ty {
                        TypeId::VOID => "...".to_owned(),
                        ty => self.declare(ty, String::new(), parts),
                    })
                    .collect();
                let params = if params.is_empty() { "void".to_owned() } else { params.join(", ") };
                self.declare(proto.result, format!("{inner}({params})"), parts)
            }
            Kind::DataSec(_) => plain(name),
        }
    }

    fn pointer(&self, target: TypeId, modifier: &str, inner: &str) -> String {
        let space = if modifier.is_empty() || inner.is_empty() { "" } else { " " };
        match self.ty(target).kind {
            Kind::Array(_) | Kind::FuncProto(_) => format!("(*{modifier}{space}{inner})"),
            _ => format!("*{modifier}{space}{inner}"),
        }
    }
}
