//! Whether a component's imports and exports fit the world of this host, and if not, in which
//! places: everything at once, so that one rebuild mends it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentFuncTypeId, ComponentInstanceTypeId, ComponentTypeId, ComponentValType,
};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{Validator, WasmFeatures};

use crate::api::World;
use crate::bindings::COMPONENT_TYPE;
use crate::check::{CheckCode, CheckError};
use crate::limits::fixed::NAME_SHOWN_BYTES_MAX;
use crate::limits::fixed::PROBLEMS_MAX;
use crate::report::text_shown;

/// The package of the world, without its version.
const PACKAGE: &str = "kiln:generator";
/// The version of the world that this host offers.
const VERSION: &str = "0.1.0";

/// What keeps a component from fitting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorldProblems {
    /// Exports the host calls, and that are not there.
    pub missing_exports: Vec<String>,
    /// Imports this host does not offer.
    pub unknown_imports: Vec<String>,
    /// Imports and exports of another shape than the host's.
    pub mismatches: Vec<String>,
}

/// A world, decoded once from what the bindings were generated from.
type Decoded = LazyLock<(Types, ComponentTypeId)>;

static GENERATOR: Decoded = LazyLock::new(|| decoded(COMPONENT_TYPE, World::Generator));
static CHECK: Decoded =
    LazyLock::new(|| decoded(crate::bindings::check::COMPONENT_TYPE, World::Check));

fn decoded(bytes: &[u8], world: World) -> (Types, ComponentTypeId) {
    let types = Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .expect("the generated world is valid");
    let world = world_of(types.as_ref(), world.name()).expect("it is a world");
    (types, world)
}

/// Compares a component with the world that its exports say it is of: that of checks where it exports
/// `check` and no `generate`, else that of generators.
pub(super) fn compare(
    types: &Types,
    imports: &[String],
    exports: &[String],
) -> Result<World, CheckError> {
    let has = |name: &str| exports.iter().any(|export| export == name);
    let of = if has("check") && !has("generate") { World::Check } else { World::Generator };
    let (world_types, world) = match of {
        World::Generator => &*GENERATOR,
        World::Check => &*CHECK,
    };
    let pair = Pair { guest: types.as_ref(), host: world_types.as_ref() };
    let world = &pair.host[*world];
    let mut problems = WorldProblems::default();
    for name in imports {
        let guest = pair.guest.component_item_for_import(name).map(|item| item.ty);
        let offered = world.imports.get(name.as_str()).map(|item| item.ty);
        match (guest, offered) {
            (Some(guest), Some(offered)) => pair.entity(name, guest, offered, &mut problems),
            _ => unknown(name, &world.imports.keys().collect::<Vec<_>>(), &mut problems),
        }
    }
    for (name, item) in &world.exports {
        match pair.guest.component_item_for_export(name) {
            Some(found) => pair.entity(name, found.ty, item.ty, &mut problems),
            None => problems.missing_exports.push(missing(name, exports)),
        }
    }
    if problems == WorldProblems::default() { Ok(of) } else { Err(told(problems)) }
}

fn unknown(name: &str, offered: &[&String], problems: &mut WorldProblems) {
    let shown = text_shown(name, NAME_SHOWN_BYTES_MAX);
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    let known =
        offered.iter().any(|known| known.split_once('@').is_some_and(|(i, _)| i == interface));
    if known && version != VERSION {
        // Once is enough: all interfaces of a package have one version.
        let text = format!(
            "built against {PACKAGE}@{}, the host offers {PACKAGE}@{VERSION}",
            text_shown(version, NAME_SHOWN_BYTES_MAX)
        );
        if !problems.mismatches.contains(&text) {
            problems.mismatches.push(text);
        }
    } else {
        problems.unknown_imports.push(format!("`{shown}`"));
    }
}

fn missing(name: &str, exports: &[String]) -> String {
    let mut text = format!("`{name}`");
    if !exports.is_empty() {
        let there: Vec<String> = exports
            .iter()
            .take(PROBLEMS_MAX)
            .map(|name| format!("`{}`", text_shown(name, NAME_SHOWN_BYTES_MAX)))
            .collect();
        let _infallible = write!(text, " (it exports {})", there.join(", "));
    }
    text
}

fn told(mut problems: WorldProblems) -> CheckError {
    let mut parts = Vec::new();
    let lists = [
        ("missing exports", &mut problems.missing_exports),
        ("imports this host does not offer", &mut problems.unknown_imports),
        ("mismatches", &mut problems.mismatches),
    ];
    for (what, list) in lists {
        list.truncate(PROBLEMS_MAX);
        if !list.is_empty() {
            parts.push(format!("{what}: {}", list.join("; ")));
        }
    }
    let wasi = problems.unknown_imports.iter().any(|name| name.starts_with("`wasi:"));
    let hint = if wasi {
        "build for `wasm32-unknown-unknown`: guests get no clock, files, network or WASI".to_owned()
    } else {
        format!("build it with the SDK for {PACKAGE}@{VERSION}")
    };
    CheckError {
        code: CheckCode::WorldMismatch,
        message: format!("the component does not fit this host: {}", parts.join(". ")),
        hint: Some(hint),
        world: Some(Box::new(problems)),
    }
}

/// The world's type lies within the type that the encoder wraps it in.
fn world_of(types: TypesRef<'_>, name: &str) -> Option<ComponentTypeId> {
    let wrapper = types.component_item_for_export(name)?;
    let ComponentEntityType::Type { created: ComponentAnyTypeId::Component(id), .. } = wrapper.ty
    else {
        return None;
    };
    types[id].exports.values().find_map(|item| match item.ty {
        ComponentEntityType::Component(world) => Some(world),
        _ => None,
    })
}

/// A place where guest and host differ, from the outside in.
struct Difference {
    path: Vec<String>,
    guest: String,
    host: String,
}

type Same = Result<(), Difference>;

fn differ(guest: impl Into<String>, host: impl Into<String>) -> Difference {
    Difference { path: Vec::new(), guest: guest.into(), host: host.into() }
}

fn within(place: impl Into<String>, same: Same) -> Same {
    same.map_err(|mut difference| {
        difference.path.insert(0, place.into());
        difference
    })
}

/// Compares types of two arenas by their structure. It goes on only as long as both agree, so its
/// cost is bounded by the host's world, whatever the guest declares.
struct Pair<'a> {
    guest: TypesRef<'a>,
    host: TypesRef<'a>,
}

impl Pair<'_> {
    fn entity(
        &self,
        name: &str,
        guest: ComponentEntityType,
        host: ComponentEntityType,
        problems: &mut WorldProblems,
    ) {
        let same = match (guest, host) {
            (ComponentEntityType::Instance(guest), ComponentEntityType::Instance(host)) => {
                return self.instance(name, guest, host, problems);
            }
            (ComponentEntityType::Func(guest), ComponentEntityType::Func(host)) => {
                self.function(guest, host)
            }
            (
                ComponentEntityType::Type { referenced: guest, .. },
                ComponentEntityType::Type { referenced: host, .. },
            ) => self.any(guest, host),
            (guest, host) => Err(differ(sort(guest), sort(host))),
        };
        if let Err(Difference { path, guest, host }) = same {
            let mut place = format!("`{}`", text_shown(name, NAME_SHOWN_BYTES_MAX));
            if !path.is_empty() {
                let path = text_shown(&path.join(", "), NAME_SHOWN_BYTES_MAX);
                let _infallible = write!(place, ", {path}");
            }
            problems
                .mismatches
                .push(format!("{place}: the component has {guest}, the host {host}"));
        }
    }

    /// A component imports of an interface what it uses; each of that must be there and be the same.
    fn instance(
        &self,
        name: &str,
        guest: ComponentInstanceTypeId,
        host: ComponentInstanceTypeId,
        problems: &mut WorldProblems,
    ) {
        let offered = &self.host[host].exports;
        for (item, guest) in &self.guest[guest].exports {
            let full = format!("{name} {item}");
            match offered.get(item.as_str()) {
                Some(host) => self.entity(&full, guest.ty, host.ty, problems),
                None => problems
                    .unknown_imports
                    .push(format!("`{}`", text_shown(&full, NAME_SHOWN_BYTES_MAX))),
            }
            if problems.mismatches.len() + problems.unknown_imports.len() > PROBLEMS_MAX {
                return;
            }
        }
    }

    fn function(&self, guest: ComponentFuncTypeId, host: ComponentFuncTypeId) -> Same {
        let (guest, host) = (&self.guest[guest], &self.host[host]);
        if guest.async_ != host.async_ {
            return Err(differ("an async function", "a plain one"));
        }
        let names = |params: &[(_, ComponentValType)]| -> String {
            let names: Vec<String> = params
                .iter()
                .map(|(name, _): &(wasmparser::names::KebabString, _)| name.to_string())
                .collect();
            format!("({})", names.join(", "))
        };
        let (a, b) = (names(&guest.params), names(&host.params));
        if a != b {
            return Err(differ(format!("parameters {a}"), b));
        }
        for ((name, guest), (_, host)) in guest.params.iter().zip(&host.params) {
            within(format!("parameter `{name}`"), self.value(*guest, *host))?;
        }
        within("result", self.optional(guest.result, host.result))
    }

    fn any(&self, guest: ComponentAnyTypeId, host: ComponentAnyTypeId) -> Same {
        match (guest, host) {
            (ComponentAnyTypeId::Defined(guest), ComponentAnyTypeId::Defined(host)) => {
                self.defined(guest, host)
            }
            _ => Err(differ("another sort of type", "a value type")),
        }
    }

    fn optional(&self, guest: Option<ComponentValType>, host: Option<ComponentValType>) -> Same {
        match (guest, host) {
            (None, None) => Ok(()),
            (Some(guest), Some(host)) => self.value(guest, host),
            (Some(guest), None) => Err(differ(self.guest_name(guest), "nothing")),
            (None, Some(host)) => Err(differ("nothing", self.host_name(host))),
        }
    }

    fn value(&self, guest: ComponentValType, host: ComponentValType) -> Same {
        match (guest, host) {
            (ComponentValType::Primitive(a), ComponentValType::Primitive(b)) if a == b => Ok(()),
            (ComponentValType::Type(guest), ComponentValType::Type(host)) => {
                self.defined(guest, host)
            }
            // A named primitive (`type object-id = string`) and a plain one are the same.
            (ComponentValType::Type(guest), ComponentValType::Primitive(b)) if matches!(self.guest[guest], ComponentDefinedType::Primitive(a) if a == b) => {
                Ok(())
            }
            (ComponentValType::Primitive(a), ComponentValType::Type(host)) if matches!(self.host[host], ComponentDefinedType::Primitive(b) if a == b) => {
                Ok(())
            }
            _ => Err(differ(self.guest_name(guest), self.host_name(host))),
        }
    }

    fn defined(&self, guest: ComponentDefinedTypeId, host: ComponentDefinedTypeId) -> Same {
        use ComponentDefinedType as Type;
        match (&self.guest[guest], &self.host[host]) {
            (Type::Primitive(a), Type::Primitive(b)) if a == b => Ok(()),
            (Type::Record(guest), Type::Record(host)) => {
                listed("fields", guest.fields.keys(), host.fields.keys())?;
                guest.fields.iter().zip(&host.fields).try_for_each(|((name, a), (_, b))| {
                    within(format!("field `{name}`"), self.value(*a, *b))
                })
            }
            (Type::Variant(guest), Type::Variant(host)) => {
                listed("cases", guest.cases.keys(), host.cases.keys())?;
                guest.cases.iter().zip(&host.cases).try_for_each(|((name, a), (_, b))| {
                    within(format!("case `{name}`"), self.optional(a.ty, b.ty))
                })
            }
            (Type::Enum(guest), Type::Enum(host)) => listed("cases", guest.iter(), host.iter()),
            (Type::Flags(guest), Type::Flags(host)) => listed("flags", guest.iter(), host.iter()),
            (Type::List { element: a, .. }, Type::List { element: b, .. }) => {
                within("item", self.value(*a, *b))
            }
            (Type::Option { ty: a, .. }, Type::Option { ty: b, .. }) => self.value(*a, *b),
            (Type::Tuple(guest), Type::Tuple(host)) if guest.types.len() == host.types.len() => {
                guest.types.iter().zip(&host.types).try_for_each(|(a, b)| self.value(*a, *b))
            }
            (Type::Result { ok: a, err: c, .. }, Type::Result { ok: b, err: d, .. }) => {
                within("ok", self.optional(*a, *b))?;
                within("error", self.optional(*c, *d))
            }
            (guest, host) => Err(differ(kind(guest), kind(host))),
        }
    }

    fn guest_name(&self, value: ComponentValType) -> String {
        named(self.guest, value)
    }

    fn host_name(&self, value: ComponentValType) -> String {
        named(self.host, value)
    }
}

/// Names in their order: what a record or variant is made of.
fn listed<'n>(
    what: &str,
    guest: impl Iterator<Item = &'n wasmparser::names::KebabString>,
    host: impl Iterator<Item = &'n wasmparser::names::KebabString>,
) -> Same {
    let join = |names: Vec<String>| text_shown(&names.join(", "), NAME_SHOWN_BYTES_MAX);
    let guest: Vec<String> = guest.map(ToString::to_string).collect();
    let host: Vec<String> = host.map(ToString::to_string).collect();
    if guest == host {
        return Ok(());
    }
    Err(differ(format!("{what} ({})", join(guest)), format!("({})", join(host))))
}

fn named(types: TypesRef<'_>, value: ComponentValType) -> String {
    match value {
        ComponentValType::Primitive(primitive) => format!("`{primitive}`"),
        ComponentValType::Type(id) => kind(&types[id]),
    }
}

fn kind(defined: &ComponentDefinedType) -> String {
    match defined {
        ComponentDefinedType::Primitive(primitive) => format!("`{primitive}`"),
        ComponentDefinedType::Record(_) => "a record".to_owned(),
        ComponentDefinedType::Variant(_) => "a variant".to_owned(),
        ComponentDefinedType::List { .. } => "a list".to_owned(),
        ComponentDefinedType::Tuple(tuple) => format!("a tuple of {}", tuple.types.len()),
        ComponentDefinedType::Flags(_) => "flags".to_owned(),
        ComponentDefinedType::Enum(_) => "an enum".to_owned(),
        ComponentDefinedType::Option { .. } => "an option".to_owned(),
        ComponentDefinedType::Result { .. } => "a result".to_owned(),
        ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => "a resource".to_owned(),
        _ => "a type of a later standard".to_owned(),
    }
}

fn sort(entity: ComponentEntityType) -> &'static str {
    match entity {
        ComponentEntityType::Module(_) => "a module",
        ComponentEntityType::Func(_) => "a function",
        ComponentEntityType::Value(_) => "a value",
        ComponentEntityType::Type { .. } => "a type",
        ComponentEntityType::Instance(_) => "an interface",
        ComponentEntityType::Component(_) => "a component",
    }
}
