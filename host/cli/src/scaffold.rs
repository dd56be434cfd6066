//! `kiln new`: a folder with a generator that works, and the SDK of this very program in it, so that
//! it builds anywhere.

use std::path::Path;

use crate::exit::Failure;
use crate::manifest::must_be_empty;

/// Files of the generator; `{{name}}` and `{{crate}}` are filled in.
const FILES: [(&str, &str); 8] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
    // The versions that this program's own guests are built with.
    ("Cargo.lock", include_str!("../../../examples/Cargo.lock")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
    ("schema.yml", include_str!("../template/schema.yml")),
    ("data.yml", include_str!("../template/data.yml")),
    ("query.gql", include_str!("../template/query.gql")),
    ("generator.yml", include_str!("../template/generator.yml")),
    ("README.md", include_str!("../template/README.md")),
];

/// The SDK, as it lies in the project.
const SDK: [(&str, &str); 14] = [
    ("sdk/guest-sdk/Cargo.toml", include_str!("../../../guest-sdk/Cargo.toml")),
    ("sdk/guest-sdk/src/lib.rs", include_str!("../../../guest-sdk/src/lib.rs")),
    ("sdk/guest-sdk/src/check.rs", include_str!("../../../guest-sdk/src/check.rs")),
    ("sdk/guest-sdk/src/context.rs", include_str!("../../../guest-sdk/src/context.rs")),
    ("sdk/guest-sdk/src/error.rs", include_str!("../../../guest-sdk/src/error.rs")),
    ("sdk/guest-sdk/src/graphql.rs", include_str!("../../../guest-sdk/src/graphql.rs")),
    ("sdk/guest-sdk/src/host.rs", include_str!("../../../guest-sdk/src/host.rs")),
    ("sdk/guest-sdk/src/test.rs", include_str!("../../../guest-sdk/src/test.rs")),
    ("sdk/guest-sdk/src/test/imports.rs", include_str!("../../../guest-sdk/src/test/imports.rs")),
    ("sdk/guest-sdk/src/test/space.rs", include_str!("../../../guest-sdk/src/test/space.rs")),
    ("sdk/guest-sdk/src/value.rs", include_str!("../../../guest-sdk/src/value.rs")),
    ("sdk/guest-sdk/src/wasm.rs", include_str!("../../../guest-sdk/src/wasm.rs")),
    ("sdk/guest-sdk/src/wasm/check.rs", include_str!("../../../guest-sdk/src/wasm/check.rs")),
    ("sdk/wit/v0.1.0/kiln.wit", include_str!("../../../wit/v0.1.0/kiln.wit")),
];

/// Writes the folder. One that is there and not empty is left alone.
pub(crate) fn new(folder: &Path) -> Result<(), Failure> {
    let failed = |what: String| Failure::File { path: folder.display().to_string(), what };
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fits {
        return Err(failed(
            "a generator's name has small letters, digits and `-`, a letter first".to_owned(),
        ));
    }
    must_be_empty(folder)?;
    let filled =
        |text: &str| text.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_"));
    let files = FILES.iter().map(|(path, text)| (*path, filled(text)));
    let sdk = SDK.iter().map(|(path, text)| (*path, (*text).to_owned()));
    let ignored = (".gitignore", "/target\n*.wasm\n".to_owned());
    for (path, text) in files.chain(sdk).chain([ignored]) {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|bad| failed(bad.to_string()))?;
    }
    Ok(())
}
