//! Artifacts: documents made for the members of a group, by a template over the answer of a query, and
//! kept in the object storage with their checksums.
//!
//! They are made when somebody asks, from one state of the branch and with the rights of who asks, and
//! kept in one commit. A document that cannot be made is an artifact with the status `Error`; it keeps
//! what was made before. Python transforms do not run here.

use std::collections::{BTreeMap, BTreeSet};

use branch::{AttrInput, BranchError, Draft, Input, Object, Outcome, PeerInput, View, Violation};
use graphql::Request;
use md5::{Digest as _, Md5};
use model::document::Templates;
use model::permission::Action;
use model::{ObjectId, Value};
use serde_json::{Map, Value as Json, json};

use crate::dialect::DialectHost;
use crate::limits::ARTIFACTS_MAX;
use crate::objects::find;
use crate::render::RenderError;
use crate::storage::{Of, STORAGE_ID};
use crate::{Service, ServiceError, Upload};

/// The media type of templates in the object storage: one with those it names.
pub(crate) const TEMPLATES: &str = "application/vnd.kiln.templates+json";
const KIND: &str = "CoreArtifact";
const DEFINITION: &str = "CoreArtifactDefinition";
const JINJA2: &str = "CoreTransformJinja2";

/// A transform that can be rendered.
struct Transform {
    templates: Templates,
    query: String,
}

/// A definition that is complete.
struct Definition {
    id: ObjectId,
    name: String,
    artifact_name: String,
    content_type: String,
    parameters: BTreeMap<String, String>,
    targets: Vec<ObjectId>,
    transform: Transform,
}

/// What was made for one member.
struct Made {
    target: ObjectId,
    variables: Map<String, Json>,
    content: Result<String, ServiceError>,
}

impl Service {
    /// Makes the artifacts of a definition: for every member of its group, or for the artifacts or
    /// members that are named by their ids. Without names, artifacts of who left the group go.
    pub fn artifacts_generate(
        &self,
        definition: &str,
        nodes: &[String],
    ) -> Result<Json, ServiceError> {
        let view = self.view()?;
        self.may(view.kind(KIND)?, Action::Update)?;
        let definition = self.artifact_definition(&view, definition)?;
        let asked = if nodes.is_empty() { definition.targets.len() } else { nodes.len() };
        if asked > ARTIFACTS_MAX {
            let message = format!(
                "{asked} artifacts would be made, {ARTIFACTS_MAX} are at once; name some in `nodes`"
            );
            return Err(ServiceError::request("too-many-artifacts", message));
        }
        let wanted = wanted(&view, &definition, nodes)?;
        let mut made = Vec::new();
        for target in wanted {
            made.push(self.made(&view, &definition, target)?);
        }
        let as_of = view.seq();
        drop(view);
        let mut told = Vec::new();
        let committed = self.change(|draft| {
            told.clear();
            for one in &made {
                told.extend(self.put_artifact(draft, &definition, one)?);
            }
            if nodes.is_empty() {
                told.extend(drop_left(draft, &definition)?);
            }
            Ok(())
        })?;
        let failed = told.iter().any(|one: &Json| one["outcome"] == "failed");
        Ok(json!({
            "definition": definition.id.to_string(), "ok": !failed, "as_of": as_of.0,
            "commit": committed.seq.map(|seq| seq.0), "artifacts": told,
        }))
    }

    /// What a template transform makes of its query with these variables; nothing is kept.
    pub fn transform_render(
        &self,
        name: &str,
        texts: &[(String, String)],
    ) -> Result<String, ServiceError> {
        let view = self.view()?;
        let object = find(&view, "CoreTransformation", name)?;
        self.may(object.kind(), Action::View)?;
        let transform = self.transform(&view, &object)?;
        let variables = graphql::variables_from_texts(&transform.query, texts);
        self.rendered(&view, &transform, &variables)
    }

    /// Transforms of other programs, said so.
    pub fn transform_python(&self, name: &str) -> Result<String, ServiceError> {
        let view = self.view()?;
        let object = find(&view, "CoreTransformation", name)?;
        Err(python(&object))
    }

    fn rendered(
        &self,
        view: &View,
        transform: &Transform,
        variables: &Map<String, Json>,
    ) -> Result<String, ServiceError> {
        let query = transform.query.clone();
        let request = Request { query, operation_name: None, variables: variables.clone() };
        let host = DialectHost::reading(self);
        let answer = self.dialect.data_and_members(view, &request, &host);
        let (data, _) = answer.map_err(|errors| match errors.into_iter().next() {
            Some(error) => ServiceError::Graphql(error),
            None => ServiceError::request("bad-query", "the query has no answer".to_owned()),
        })?;
        let data: Json = serde_json::from_slice(&data)
            .map_err(|bad| RenderError::Process(format!("the answer does not read: {bad}")))?;
        Ok(self.renderer.render(&transform.templates, variables, &data)?)
    }

    fn transform(&self, view: &View, object: &Object) -> Result<Transform, ServiceError> {
        if object.kind().name != JINJA2 {
            return Err(python(object));
        }
        let name = object.value("name").to_string();
        let missing =
            |what: &str| ServiceError::request("incomplete-transform", format!("`{name}` {what}"));
        let query = view.one(object, "query")?;
        let query = query.and_then(|query| query.value("query").as_text().map(str::to_owned));
        let query = query.ok_or_else(|| missing("has no query; set `query`"))?;
        let held = object.value(STORAGE_ID);
        let held = held.as_text().ok_or_else(|| {
            missing(
                "has no template here: push the folder that has it, or store the template and set `storage_id`",
            )
        })?;
        let stored = self.file(held)?;
        let unread = || missing("has a template that is no text");
        let templates = if stored.content_type == TEMPLATES {
            serde_json::from_slice(&stored.bytes).map_err(|_bad| unread())?
        } else {
            let text = String::from_utf8(stored.bytes).map_err(|_bad| unread())?;
            let entry = object.value("template_path").to_string();
            Templates { files: BTreeMap::from([(entry.clone(), text)]), entry }
        };
        Ok(Transform { templates, query })
    }

    fn artifact_definition(&self, view: &View, name: &str) -> Result<Definition, ServiceError> {
        let object = find(view, DEFINITION, name)?;
        if object.kind().name != DEFINITION {
            let (kind, identifier) = (DEFINITION.to_owned(), name.to_owned());
            return Err(BranchError::from(Violation::NotFound { kind, identifier }).into());
        }
        self.may(object.kind(), Action::View)?;
        let shown = object.value("name").to_string();
        let missing = |what: &str| {
            ServiceError::request("incomplete-definition", format!("`{shown}` {what}"))
        };
        let transform = view
            .one(&object, "transformation")?
            .ok_or_else(|| missing("has no transformation; set `transformation`"))?;
        let group = view
            .one(&object, "targets")?
            .ok_or_else(|| missing("has no group of targets; set `targets`"))?;
        let targets = match group.kind().relationship("members") {
            Some(rel) => view.peers(group.id(), rel)?.into_iter().map(|edge| edge.peer).collect(),
            None => Vec::new(),
        };
        Ok(Definition {
            id: object.id(),
            artifact_name: object.value("artifact_name").to_string(),
            content_type: object.value("content_type").to_string(),
            parameters: engine::parameters(&object.value("parameters"))
                .ok_or_else(|| missing("has `parameters` that do not map variables to paths"))?,
            targets,
            transform: self.transform(view, &transform)?,
            name: shown,
        })
    }

    /// Makes the document of one member. What is wrong with it is told beside the others.
    fn made(
        &self,
        view: &View,
        definition: &Definition,
        target: ObjectId,
    ) -> Result<Made, ServiceError> {
        let mut made = Made { target, variables: Map::new(), content: Ok(String::new()) };
        let Some(object) = view.object(target)? else {
            let what = "target";
            made.content = Err(ServiceError::NotFound { what, name: target.to_string() });
            return Ok(made);
        };
        let followed = engine::follow_all(view, &object, &definition.name, &definition.parameters);
        made.content = match followed {
            Ok(variables) => {
                made.variables = variables;
                self.rendered(view, &definition.transform, &made.variables)
            }
            Err(bad) => Err(engine::RunError::from(bad).into()),
        };
        Ok(made)
    }

    /// Brings the artifact of a member up to date; tells what came of it, nothing where the member is
    /// gone meanwhile.
    fn put_artifact(
        &self,
        draft: &mut Draft,
        definition: &Definition,
        made: &Made,
    ) -> Result<Option<Json>, ServiceError> {
        let Some(target) = draft.view().object(made.target)? else { return Ok(None) };
        let label = draft.view().display_label(&target)?;
        if !draft.view().schema().is_a(target.kind(), "CoreArtifactTarget") {
            let message = format!(
                "`{}` is no target of artifacts; let it inherit from `CoreArtifactTarget`",
                target.kind().name
            );
            return Ok(Some(json!({
                "id": null, "object": made.target.to_string(), "name": label, "outcome": "failed",
                "status": null, "error": {"code": "no-artifact-target", "message": message},
            })));
        }
        let held = artifact_of(draft.view(), definition.id, &target)?;
        let mut input = Input::default()
            .json("name", json!(definition.artifact_name))
            .json("content_type", json!(definition.content_type))
            .attr(
                "parameters",
                AttrInput::value(Value::Json(Json::Object(made.variables.clone()))),
            );
        let error = match &made.content {
            Ok(content) => {
                input = self.put_content(draft, definition, held.as_ref(), content, input)?;
                None
            }
            Err(bad) => {
                input = input.json("status", json!("Error"));
                Some(json!({"code": bad.code(), "message": bad.to_string()}))
            }
        };
        let (id, outcome) = match &held {
            Some(held) => (held.id(), draft.update(held.id(), input)?),
            None => {
                let input = input
                    .rel("object", vec![PeerInput::id(made.target)])
                    .rel("definition", vec![PeerInput::id(definition.id)]);
                (draft.create(KIND, None, input)?, Outcome::Created)
            }
        };
        let artifact = draft.must_exist(id)?;
        Ok(Some(json!({
            "id": id.to_string(), "object": made.target.to_string(), "name": label,
            "outcome": if error.is_some() { "failed" } else { outcome.word() },
            "status": artifact.value("status").to_json(),
            "checksum": artifact.value("checksum").to_json(), "error": error,
        })))
    }

    /// Stores a document where it is another one than before.
    fn put_content(
        &self,
        draft: &mut Draft,
        definition: &Definition,
        held: Option<&Object>,
        content: &str,
        input: Input,
    ) -> Result<Input, ServiceError> {
        let checksum: String = model::hexadecimal(&Md5::digest(content.as_bytes()));
        let input = input.json("status", json!("Ready"));
        let same = held.is_some_and(|held| {
            held.value("checksum").as_text() == Some(checksum.as_str())
                && held.value(STORAGE_ID).as_text().is_some_and(|id| self.file(id).is_ok())
        });
        if same {
            return Ok(input);
        }
        let upload = Upload {
            name: definition.artifact_name.clone(),
            content_type: definition.content_type.clone(),
            bytes: content.as_bytes().to_vec(),
        };
        let stored = self.keep(draft, &upload, Of::Object)?;
        Ok(input.json("checksum", json!(checksum)).json(STORAGE_ID, json!(stored.id.to_string())))
    }
}

fn python(object: &Object) -> ServiceError {
    let message = format!(
        "`{}` is a transform of Python, which does not run here; write it as a Jinja2 template, or \
         render it with `infrahubctl transform` and upload what it says",
        object.value("name")
    );
    ServiceError::request("python-transform", message)
}

/// The members that artifacts are made for.
fn wanted(
    view: &View,
    definition: &Definition,
    nodes: &[String],
) -> Result<Vec<ObjectId>, ServiceError> {
    if nodes.is_empty() {
        return Ok(definition.targets.clone());
    }
    let mut wanted = BTreeSet::new();
    for node in nodes {
        let unknown = || {
            let message = format!(
                "`{node}` is neither an artifact of `{}` nor a member of its group",
                definition.name
            );
            ServiceError::request("unknown-artifact", message)
        };
        let id: ObjectId = node.parse().map_err(|_bad| unknown())?;
        if definition.targets.contains(&id) {
            wanted.insert(id);
            continue;
        }
        let artifact = view.object(id)?.filter(|object| object.kind().name == KIND);
        let artifact = artifact.ok_or_else(unknown)?;
        let of = view.one(&artifact, "definition")?.map(|of| of.id());
        let target = view.one(&artifact, "object")?.map(|target| target.id());
        match target {
            Some(target) if of == Some(definition.id) => wanted.insert(target),
            _ => return Err(unknown()),
        };
    }
    Ok(wanted.into_iter().collect())
}

/// The artifact that a definition has for a target.
fn artifact_of(
    view: &View,
    definition: ObjectId,
    target: &Object,
) -> Result<Option<Object>, BranchError> {
    let Some(rel) = target.kind().relationship("artifacts") else { return Ok(None) };
    for edge in view.peers(target.id(), rel)? {
        if let Some(artifact) = view.object(edge.peer)?
            && view.one(&artifact, "definition")?.is_some_and(|of| of.id() == definition)
        {
            return Ok(Some(artifact));
        }
    }
    Ok(None)
}

/// Takes artifacts of who left the group away; tells them.
fn drop_left(draft: &mut Draft, definition: &Definition) -> Result<Vec<Json>, BranchError> {
    let object = draft.must_exist(definition.id)?;
    let Some(rel) = object.kind().relationship("artifacts").cloned() else { return Ok(Vec::new()) };
    let members: BTreeSet<ObjectId> = definition.targets.iter().copied().collect();
    let mut gone = Vec::new();
    for edge in draft.view().peers(definition.id, &rel)? {
        let Some(artifact) = draft.view().object(edge.peer)? else { continue };
        let target = draft.view().one(&artifact, "object")?;
        if !target.as_ref().is_some_and(|target| members.contains(&target.id())) {
            gone.push((artifact.id(), target.map(|target| target.id().to_string())));
        }
    }
    let ids: Vec<ObjectId> = gone.iter().map(|(id, _)| *id).collect();
    draft.delete(&ids)?;
    let told = |(id, target): &(ObjectId, Option<String>)| {
        json!({
            "id": id.to_string(), "object": target, "name": null, "outcome": "removed",
            "status": null, "error": null,
        })
    };
    Ok(gone.iter().map(told).collect())
}
