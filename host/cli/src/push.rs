//! `kiln push`: a repository folder as it is, read here and taken by the server in one commit.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use model::document::Templates;
use model::repository::{self, Item, Manifest};
use serde_json::{Value, json};

use crate::args::PushFolder;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::manifest::{bytes, read};
use crate::output::Output;

/// Names of the manifest, the first that is there.
const MANIFESTS: [&str; 2] = [".infrahub.yml", ".infrahub.yaml"];

/// Reads the folder, uploads its components and pushes it; prints what became of each item.
pub(crate) fn run(client: &Client, push: &PushFolder, output: Output) -> Result<Exit, Failure> {
    let folder = &push.folder;
    let found = MANIFESTS.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let path = found.ok_or_else(|| Failure::File {
        path: folder.display().to_string(),
        what: "there is no `.infrahub.yml` here".to_owned(),
    })?;
    let text = read(&path)?;
    let manifest = repository::parse(&path.display().to_string(), &text).map_err(refused)?;
    let files = files(folder, &manifest)?;
    let components = components(client, push, &manifest)?;
    let mut body = json!({
        "manifest": text, "files": files, "components": components, "check": push.check,
    });
    match &push.repository {
        _ if push.keep => {}
        Some(name) => body["repository"] = json!(name),
        // What the folder calls itself: then it must be from where it was from before.
        None => {
            let place = std::fs::canonicalize(folder).unwrap_or_else(|_bad| folder.clone());
            let name =
                place.components().next_back().map(|last| last.as_os_str().to_string_lossy());
            body["repository"] = json!(name.unwrap_or_default());
            body["location"] = json!(origin(&place));
        }
    }
    let report = client.post("/api/repositories/push", &body)?;
    if output.json {
        output.value(&report);
    }
    for item in report["items"].as_array().into_iter().flatten() {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let note = item["note"].as_str().map(|note| format!(" ({note})")).unwrap_or_default();
        output.line(&format!("{}  {}: {}{note}", text("section"), text("name"), text("outcome")));
    }
    output.line(match (push.check, report["commit"].is_null()) {
        (true, _) => "nothing was kept",
        (false, true) => "nothing changed",
        (false, false) => "done",
    });
    Ok(Exit::Done)
}

/// Where a folder is from: the remote of the clone that it is in, as git keeps it, without anybody's
/// credentials; without one its own path.
fn origin(folder: &Path) -> String {
    let config = folder.ancestors().map(|above| above.join(".git/config"));
    let config = config.filter_map(|path| std::fs::read_to_string(path).ok()).next();
    let mut within = false;
    for line in config.iter().flat_map(|text| text.lines()).map(str::trim) {
        if line.starts_with('[') {
            within = line == "[remote \"origin\"]";
        } else if within
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "url"
        {
            return without_credentials(value.trim());
        }
    }
    folder.display().to_string()
}

fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

fn refused(errors: Vec<model::schema::SchemaError>) -> Failure {
    let code = errors.first().map_or("bad-manifest", |error| error.code).to_owned();
    let details: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Failure::Refused { code, message: "the manifest does not read".to_owned(), details }
}

/// The text of every file that the manifest names and that is not another program's, by its path.
fn files(folder: &Path, manifest: &Manifest) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    let yaml: &[&str] = &["yml", "yaml", "json"];
    let queries: &[&str] = &["gql", "graphql"];
    let named = manifest.queries.iter().chain(&manifest.fragments).map(|named| &named.path);
    let plain = manifest.schemas.iter().chain(&manifest.objects).chain(&manifest.menus);
    for (path, ends) in plain.map(|path| (path, yaml)).chain(named.map(|path| (path, queries))) {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        if !is_within(path) || !folder.join(path).exists() {
            missing.push(path.to_owned());
            continue;
        }
        collect(folder, path, ends, &mut found)?;
    }
    // A generator of this host may name the file of its query.
    for query in manifest.generators.iter().filter_map(|item| item.text("query")) {
        let query = query.trim_start_matches("./");
        if !found.contains_key(query) && folder.join(query).is_file() {
            collect(folder, query, queries, &mut found)?;
        }
    }
    // A template, with those it names.
    for template in manifest.jinja2_transforms.iter().filter_map(|item| item.text("template_path"))
    {
        let read = |path: &str| {
            let place = is_within(path).then(|| folder.join(path))?;
            std::fs::read_to_string(place).ok()
        };
        match Templates::gather(template.trim_start_matches("./"), read) {
            Ok(templates) => found.extend(templates.files),
            Err(paths) => missing.extend(paths),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    Err(Failure::File {
        path: folder.display().to_string(),
        what: format!("the manifest names what is not there: {}", missing.join(", ")),
    })
}

/// Whether a path stays in the folder: what others wrote in it sends no other file of this machine.
fn is_within(path: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(path).components().all(plain)
}

fn collect(
    folder: &Path,
    path: &str,
    ends: &[&str],
    found: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    let place = folder.join(path);
    if !place.is_dir() {
        found.insert(path.to_owned(), read(&place)?);
        return Ok(());
    }
    let entries = std::fs::read_dir(&place).map_err(|bad| Failure::File {
        path: place.display().to_string(),
        what: bad.to_string(),
    })?;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = if path == "." { name } else { format!("{path}/{name}") };
        let end = below.rsplit_once('.').map_or("", |(_, end)| end);
        if entry.path().is_dir() || ends.contains(&end) {
            collect(folder, &below, ends, found)?;
        }
    }
    Ok(())
}

/// Uploads the components that the manifest names; their digests by path. The same bytes again change
/// nothing, and one that nothing names yet does nothing.
fn components(
    client: &Client,
    push: &PushFolder,
    manifest: &Manifest,
) -> Result<BTreeMap<String, Value>, Failure> {
    let folder = push.components.as_ref().unwrap_or(&push.folder);
    let items = manifest.generators.iter().chain(&manifest.checks);
    let paths = items.filter_map(|item: &Item| item.text("component"));
    let mut digests = BTreeMap::new();
    for path in paths.map(|path| path.trim_start_matches("./")) {
        if digests.contains_key(path) {
            continue;
        }
        let bytes = bytes(&folder.join(path))?;
        if !push.check {
            let info = client.upload("/api/components/upload", &bytes)?;
            digests.insert(path.to_owned(), info["digest"].clone());
            continue;
        }
        // A check keeps nothing: the digest is what an upload would tell.
        let digest = model::Digest::of(&bytes).to_string();
        digests.insert(path.to_owned(), json!(digest));
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_folder() {
        assert!(is_within("a/b.j2") && is_within("./a"));
        assert!(!is_within("../a") && !is_within("/etc/passwd") && !is_within("a/../../b"));
    }

    #[test]
    fn a_folder_is_from_the_clone_it_is_in_and_tells_no_credentials() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("clone/below");
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(origin(&folder), folder.display().to_string());
        let git = scratch.path().join("clone/.git");
        std::fs::create_dir(&git).unwrap();
        let config = "[core]\n\turl = no\n[remote \"origin\"]\n\turl = https://me:secret@example.org/a/b.git\n";
        std::fs::write(git.join("config"), config).unwrap();
        assert_eq!(origin(&folder), "https://example.org/a/b.git");
        assert_eq!(without_credentials("git@example.org:a/b.git"), "git@example.org:a/b.git");
        assert_eq!(without_credentials("ssh://git@example.org/a"), "ssh://example.org/a");
    }
}
