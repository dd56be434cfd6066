//! The static check of uploaded bytes, by a parser that is memory-safe and bounded; nothing is
//! compiled. Each stage has a code of its own, so that an author mends one thing at a time.

mod caps;
mod manifest;
mod proposals;
mod world;

use model::Digest;
use wasmparser::types::Types;
use wasmparser::{BinaryReaderError, Parser, Payload, ValidPayload, Validator};

use crate::api::World;
use crate::config::FEATURES;
use crate::limits::fixed::DETAIL_BYTES_MAX;
use crate::limits::{Limits, bytes, count};
use crate::report::text_shown;

use caps::Caps;
pub use manifest::Manifest;
pub use world::WorldProblems;

/// What a component is, as far as its bytes tell. None of it is to be trusted beyond display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// Which world it is of.
    pub world: World,
    /// Content address.
    pub digest: Digest,
    /// Size.
    pub bytes: u64,
    /// Core modules in it.
    pub core_modules: u64,
    /// Functions in them.
    pub functions: u64,
    /// Memory it declares to begin with.
    pub memory_bytes: u64,
    /// Names of its imports, in their order.
    pub imports: Vec<String>,
    /// Names of its exports, in their order.
    pub exports: Vec<String>,
    /// What its author says about it.
    pub manifest: Option<Manifest>,
}

/// Why bytes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CheckError {
    /// Stable code.
    pub code: CheckCode,
    /// What is wrong.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
    /// The three lists, for [`CheckCode::WorldMismatch`].
    pub world: Option<Box<WorldProblems>>,
}

/// Codes of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckCode {
    /// No bytes.
    Empty,
    /// Too many bytes.
    TooLarge,
    /// Machine code.
    Precompiled,
    /// A compressed file.
    Compressed,
    /// WebAssembly as text.
    Text,
    /// Anything else.
    NotWasm,
    /// A module, not a component.
    CoreModule,
    /// The end is missing.
    Truncated,
    /// WebAssembly's own rules are broken.
    Invalid,
    /// A proposal that is switched off.
    Proposal,
    /// More of something than the limits allow.
    TooComplex,
    /// The manifest makes no sense.
    BadManifest,
    /// Imports or exports do not fit.
    WorldMismatch,
}

impl CheckCode {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "component_empty",
            Self::TooLarge => "component_too_large",
            Self::Precompiled => "component_precompiled",
            Self::Compressed => "component_compressed",
            Self::Text => "component_text",
            Self::NotWasm => "component_not_wasm",
            Self::CoreModule => "component_core_module",
            Self::Truncated => "component_truncated",
            Self::Invalid => "component_invalid",
            Self::Proposal => "component_proposal",
            Self::TooComplex => "component_too_complex",
            Self::BadManifest => "component_bad_manifest",
            Self::WorldMismatch => "component_world_mismatch",
        }
    }
}

/// Checks bytes: size, first bytes, validity within our proposals and caps, manifest, world.
pub fn check(component: &[u8], limits: &Limits) -> Result<CheckReport, CheckError> {
    first_bytes(component, limits)?;
    let (types, caps) = validate(component, limits)?;
    let world = world::compare(&types, &caps.imports, &caps.exports)?;
    Ok(CheckReport {
        world,
        digest: Digest::of(component),
        bytes: count(component.len()),
        core_modules: caps.core_modules,
        functions: caps.functions,
        memory_bytes: caps.memory_bytes,
        imports: caps.imports,
        exports: caps.exports,
        manifest: caps.manifest,
    })
}

fn refused(code: CheckCode, message: impl Into<String>, hint: &str) -> CheckError {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    CheckError { code, message: message.into(), hint, world: None }
}

fn first_bytes(component: &[u8], limits: &Limits) -> Result<(), CheckError> {
    let most = limits.component_bytes;
    if count(component.len()) > most {
        let (has, most) = (bytes(count(component.len())), bytes(most));
        return Err(refused(
            CheckCode::TooLarge,
            format!("the component has {has}, the limit is {most}"),
            "build for size, without debug information: `opt-level = \"s\"`, `lto = true`",
        ));
    }
    match component {
        [] => Err(refused(CheckCode::Empty, "the upload is empty", "")),
        [0x7f, b'E', b'L', b'F', ..] => Err(refused(
            CheckCode::Precompiled,
            "this is machine code; precompiled code is not accepted",
            "upload the component itself; the host compiles it",
        )),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'P', b'K', 3, 4, ..] => Err(refused(
            CheckCode::Compressed,
            "this is a compressed file",
            "upload the component as it is",
        )),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(refused(
            CheckCode::CoreModule,
            "this is a core module, not a component",
            "encode it: `wasm-tools component new module.wasm -o component.wasm`",
        )),
        [0, b'a', b's', b'm', _, _, _, _, ..] => Ok(()),
        _ if b"\0asm".starts_with(component) || component.starts_with(b"\0asm") => {
            Err(truncated(component.len()))
        }
        _ if component.trim_ascii_start().starts_with(b"(")
            || component.trim_ascii_start().starts_with(b";;") =>
        {
            Err(refused(
                CheckCode::Text,
                "this is WebAssembly as text",
                "turn it into a binary first: `wasm-tools parse component.wat -o component.wasm`",
            ))
        }
        _ => {
            let begin = component.get(..component.len().min(8)).unwrap_or_default();
            let begin = begin.escape_ascii();
            Err(refused(
                CheckCode::NotWasm,
                format!("this is not WebAssembly: it begins with `{begin}`"),
                "upload the `.wasm` file that the build made",
            ))
        }
    }
}

fn truncated(len: usize) -> CheckError {
    refused(
        CheckCode::Truncated,
        format!("the component ends in the middle, after {}", bytes(count(len))),
        "upload it again, completely",
    )
}

/// Counts, then validates, section by section: what is over a cap never reaches the validator.
fn validate<'a>(component: &[u8], limits: &'a Limits) -> Result<(Types, Caps<'a>), CheckError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut caps = Caps::new(limits);
    let mut types = None;
    let invalid = |error| invalid(component, &error);
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(component) {
        let payload = payload.map_err(invalid)?;
        caps.payload(&payload).map_err(|over| over.told(component))?;
        if let Payload::CustomSection(section) = &payload
            && section.name() == manifest::SECTION
        {
            manifest::read(&mut caps.manifest, section, limits)?;
        }
        match validator.payload(&payload).map_err(invalid)? {
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(allocations);
                function.validate(&body).map_err(invalid)?;
                allocations = function.into_allocations();
            }
            ValidPayload::End(all) => types = Some(all),
            ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
    }
    match types {
        Some(types) => Ok((types, caps)),
        None => Err(truncated(component.len())),
    }
}

fn invalid(component: &[u8], error: &BinaryReaderError) -> CheckError {
    let detail = text_shown(error.message(), DETAIL_BYTES_MAX);
    if detail.contains("unexpected end-of-file") || detail.contains("unexpected end") {
        return truncated(component.len());
    }
    let needed = proposals::needed(component);
    if !needed.is_empty() {
        let names: Vec<String> = needed.iter().map(|name| format!("`{name}`")).collect();
        return refused(
            CheckCode::Proposal,
            format!("the component needs what is switched off here: {}", names.join(", ")),
            "build for plain WebAssembly: target `wasm32-unknown-unknown` without further target \
             features",
        );
    }
    refused(
        CheckCode::Invalid,
        format!("the component is not valid: {detail} (at {:#x})", error.offset()),
        "the tool that made it is at fault; build it anew with the current SDK",
    )
}
