//! From a core module to a component of our world.

use std::path::Path;

use wit_component::ComponentEncoder;
use wit_parser::WorldItem;

use crate::BuildError;

/// Imports that a guest may have: those of our world.
const OURS: &str = "kiln:generator/";

/// The worlds that a guest may be of, each with the function that a guest of it exports.
const WORLDS: [(&str, &str); 2] = [("generator", "generate"), ("check", "check")];

/// The module without what it says of worlds it is not of. The SDK has the bindings of all of them, and
/// linkers keep what each says of itself; what the module exports tells which one is meant.
fn of_its_world(module: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(8)?;
    let mut sections = Vec::new();
    let mut exports = Vec::new();
    while !rest.is_empty() {
        let whole = rest;
        let id = *rest.first()?;
        rest = rest.get(1..)?;
        let length = number(&mut rest)?;
        let (mut payload, after) = rest.split_at_checked(length)?;
        let whole = whole.get(..whole.len() - after.len())?;
        rest = after;
        let mut custom = None;
        if id == 0 {
            custom = Some(text(&mut payload)?);
        } else if id == 7 {
            for _export in 0..number(&mut payload)? {
                exports.push(text(&mut payload)?);
                payload = payload.get(1..)?;
                number(&mut payload)?;
            }
        }
        sections.push((custom, whole));
    }
    let is_of = |function: &str| exports.contains(&function);
    let other = |name: &str| {
        name.starts_with("component-type:")
            && WORLDS.iter().any(|(world, function)| {
                let its = [format!(":{world}:"), format!(":{world}-with-")];
                !is_of(function) && its.iter().any(|its| name.contains(its))
            })
    };
    let kept = sections.iter().filter(|(custom, _)| !custom.is_some_and(other));
    let kept: Vec<&[u8]> = kept.map(|(_, whole)| *whole).collect();
    Some([&[header], kept.as_slice()].concat().concat())
}

/// A number as WebAssembly writes it: seven bits a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for shift in [0, 7, 14, 21, 28] {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A text with its length in front.
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = number(bytes)?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

/// Makes a component of a core module; `path` is for messages. Foreign imports are refused: nothing
/// would answer them.
pub fn encode(path: &Path, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = |bad: String| BuildError::Encode { path: path.to_owned(), what: bad };
    // What does not read as a module is left to the encoder, which says why.
    let own = of_its_world(module);
    let module = own.as_deref().unwrap_or(module);
    let component = ComponentEncoder::default()
        .validate(true)
        // Names of what the encoder adds, for the frames of a failed run.
        .debug_names(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|bad| failed(format!("{bad:#}")))?;
    let decoded = wit_component::decode(&component).map_err(|bad| failed(format!("{bad:#}")))?;
    let resolve = decoded.resolve();
    let foreign = resolve
        .worlds
        .iter()
        .flat_map(|(_, world)| world.imports.iter())
        // The world may also name types of its own imports.
        .filter(|(_, item)| !matches!(item, WorldItem::Type { .. }))
        .map(|(key, _)| resolve.name_world_key(key))
        .find(|name| !name.starts_with(OURS));
    match foreign {
        Some(import) => Err(BuildError::Foreign { path: path.to_owned(), import }),
        None => Ok(component),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_of_ours_is_told() {
        let error = encode(Path::new("x.wasm"), b"text").unwrap_err();
        assert!(error.to_string().starts_with("x.wasm: "), "{error}");
    }
}
