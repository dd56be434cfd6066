//! From a core module to a component of our world.

use std::path::Path;

use wit_component::ComponentEncoder;
use wit_parser::WorldItem;

use crate::BuildError;

/// Imports that a guest may have: those of our world.
const OURS: &str = "kiln:generator/";

/// Makes a component of a core module; `path` is for messages. Foreign imports are refused: nothing
/// would answer them.
pub fn encode(path: &Path, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let failed = |bad: String| BuildError::Encode { path: path.to_owned(), what: bad };
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
