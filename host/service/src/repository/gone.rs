//! What an earlier push of the same repository made, and this one no longer names.
//!
//! The repository is an object, and a group has what its pushes made: both are of the branch, and come
//! along when it is merged.

use std::collections::BTreeSet;

use branch::{BranchError, Input, Object, PeerInput};
use model::ObjectId;
use serde_json::json;

use super::Push;
use crate::ServiceError;
use crate::limits::FOLDER_REPOSITORY_BYTES_MAX;

const REPOSITORY: &str = "CoreRepository";
const ANY_REPOSITORY: &str = "CoreGenericRepository";
const GROUP: &str = "CoreRepositoryGroup";

/// What goes, with the section of the manifest that would name it. Anything else in the group is there
/// by somebody's hand, and stays.
const SECTIONS: [(&str, &str); 7] = [
    ("CoreGraphQLQuery", "queries"),
    ("CoreMenuItem", "menus"),
    ("CoreGeneratorDefinition", "generator_definitions"),
    ("CoreTransformPython", "python_transforms"),
    ("CoreTransformJinja2", "jinja2_transforms"),
    ("CoreCheckDefinition", "check_definitions"),
    ("CoreArtifactDefinition", "artifact_definitions"),
];

fn section_of(object: &Object) -> Option<&'static str> {
    let kind = &object.kind().name;
    SECTIONS.iter().find(|(name, _)| name == kind).map(|(_, section)| *section)
}

impl Push<'_> {
    /// Finds the object of the repository, or makes it.
    pub(super) fn repository(&mut self) -> Result<(), ServiceError> {
        let Some(name) = self.folder.repository.as_deref() else { return Ok(()) };
        let wrong = name.trim().is_empty() || name.len() > FOLDER_REPOSITORY_BYTES_MAX;
        if wrong || name.chars().any(char::is_control) {
            let message = format!(
                "a repository has a name of at most {FOLDER_REPOSITORY_BYTES_MAX} bytes of text"
            );
            return Err(ServiceError::request("bad-repository", message));
        }
        let location = self.folder.location.as_deref();
        let any = self.draft.kind(ANY_REPOSITORY)?.clone();
        let found = self.draft.view().by_hfid(&any, &[name.to_owned()])?;
        let Some(found) = found else {
            let mut input = Input::default().json("name", json!(name));
            if let Some(location) = location {
                input = input.json("location", json!(location));
            }
            self.repository = Some(self.draft.create(REPOSITORY, None, input)?);
            return Ok(());
        };
        let known = found.value("location");
        match (known.as_text(), location) {
            (Some(known), Some(location)) if known != location => {
                return Err(ServiceError::Change {
                    code: "other-repository",
                    message: format!(
                        "the repository `{name}` was pushed from `{known}`, and this folder is from \
                         `{location}`: what that one made would go; push it under another name, or \
                         name the repository to say that it is the same (`--repository {name}`)"
                    ),
                    details: Vec::new(),
                });
            }
            (None, Some(location)) => {
                let input = Input::default().json("location", json!(location));
                self.draft.update(found.id(), input)?;
            }
            _ => {}
        }
        self.repository = Some(found.id());
        Ok(())
    }

    /// Takes away what the group of the repository has and the folder does not name; the group then
    /// has what it names.
    pub(super) fn gone(&mut self) -> Result<(), ServiceError> {
        let Some(name) = self.folder.repository.as_deref() else { return Ok(()) };
        let kind = self.draft.kind(GROUP)?.clone();
        let group = format!("repository {name}");
        let held = match self.draft.view().by_hfid(&kind, std::slice::from_ref(&group))? {
            Some(held) => self.members(&held)?,
            None => BTreeSet::new(),
        };
        let mut doomed = Vec::new();
        for id in held.difference(&self.named.clone()) {
            let Some(object) = self.draft.view().object(*id)? else { continue };
            let Some(section) = section_of(&object) else { continue };
            let label = self.draft.view().display_label(&object)?;
            if let Some(other) = self.other_group(&object, &group)? {
                let note = format!("`{other}` names it, too");
                self.told(section, &label, "left", Some(&note));
                continue;
            }
            if object.kind().name == "CoreGeneratorDefinition" {
                self.service.end_definition(&mut self.draft, &object)?;
            }
            self.told(section, &label, "removed", Some("the folder no longer names it"));
            doomed.push(*id);
        }
        self.draft.delete(&doomed)?;
        let members = self.named.iter().copied().map(PeerInput::id).collect();
        let input = Input::default()
            .json("name", json!(group))
            .json("label", json!(format!("Repository {name}")))
            .json("group_type", json!("internal"))
            .rel("members", members);
        self.draft.upsert(GROUP, None, input)?;
        Ok(())
    }

    fn members(&self, group: &Object) -> Result<BTreeSet<ObjectId>, BranchError> {
        let Some(rel) = group.kind().relationship("members") else { return Ok(BTreeSet::new()) };
        let edges = self.draft.view().peers(group.id(), rel)?;
        Ok(edges.into_iter().map(|edge| edge.peer).collect())
    }

    /// Another repository whose group has the object.
    fn other_group(&self, object: &Object, own: &str) -> Result<Option<String>, BranchError> {
        let Some(rel) = object.kind().relationship("member_of_groups") else { return Ok(None) };
        for edge in self.draft.view().peers(object.id(), rel)? {
            if let Some(group) = self.draft.view().object(edge.peer)?
                && group.kind().name == GROUP
                && group.value("name").as_text() != Some(own)
            {
                return Ok(Some(group.value("name").to_string()));
            }
        }
        Ok(None)
    }
}
