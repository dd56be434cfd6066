//! Generator instances: one for each (definition, target), kept as objects of a branch-local kind.

use branch::{AttrInput, BranchError, Draft, Input, PeerInput, View};
use model::ObjectId;

use crate::definition::Definition;
use crate::identity::instance_id;

/// The kind of instances.
pub(crate) const KIND: &str = "CoreGeneratorInstance";

/// State of an instance, in the public words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// The last run succeeded.
    Ready,
    /// The last run failed.
    Error,
    /// It never ran to an end.
    Pending,
}

impl InstanceState {
    /// `Ready`, `Error`, `Pending`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Error => "Error",
            Self::Pending => "Pending",
        }
    }
}

/// An instance, as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Identity.
    pub id: ObjectId,
    /// `definition: target`.
    pub name: String,
    /// State.
    pub state: InstanceState,
    /// The definition; gone when it was deleted.
    pub definition: Option<ObjectId>,
    /// The target; gone when it was deleted.
    pub target: Option<ObjectId>,
    /// Objects it owns.
    pub owns: Vec<ObjectId>,
    /// Objects it sets values or links of.
    pub sets: Vec<ObjectId>,
}

impl Instance {
    /// All instances of the branch, by id.
    pub fn all(view: &View) -> Result<Vec<Self>, BranchError> {
        let Some(kind) = view.schema().kind(KIND) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for object in view.objects(kind)? {
            all.push(Self::read(view, &object?)?);
        }
        Ok(all)
    }

    /// The instance with this id.
    pub fn get(view: &View, id: ObjectId) -> Result<Option<Self>, BranchError> {
        match view.object(id)? {
            Some(object) if object.kind().name == KIND => Self::read(view, &object).map(Some),
            _ => Ok(None),
        }
    }

    fn read(view: &View, object: &branch::Object) -> Result<Self, BranchError> {
        let peer = |name: &str| -> Result<Option<ObjectId>, BranchError> {
            Ok(view.one(object, name)?.map(|peer| peer.id()))
        };
        let (mut owns, mut sets) = (Vec::new(), Vec::new());
        for (id, claim) in view.claims_of(object.id())? {
            if claim.owned { owns.push(id) } else { sets.push(id) }
        }
        Ok(Self {
            id: object.id(),
            name: object.value("name").to_string(),
            state: match object.value("status").as_text() {
                Some("Ready") => InstanceState::Ready,
                Some("Error") => InstanceState::Error,
                _ => InstanceState::Pending,
            },
            definition: peer("definition")?,
            target: peer("object")?,
            owns,
            sets,
        })
    }
}

/// Definition and target of each instance of the branch that still has both.
pub(crate) fn pairs(view: &View) -> Result<Vec<(ObjectId, ObjectId)>, BranchError> {
    let Some(kind) = view.schema().kind(KIND) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for object in view.objects(kind)? {
        let object = object?;
        if let (Some(definition), Some(target)) =
            (view.one(&object, "definition")?, view.one(&object, "object")?)
        {
            all.push((definition.id(), target.id()));
        }
    }
    Ok(all)
}

/// Whether the last run of an instance failed, as far as the branch has the instance.
pub(crate) fn has_failed(view: &View, id: ObjectId) -> Result<bool, BranchError> {
    let object = view.object(id)?.filter(|object| object.kind().name == KIND);
    Ok(object.is_some_and(|object| object.value("status").as_text() == Some("Error")))
}

/// Makes the instance's object, or sets its state. Nothing is written when it is so already.
pub(crate) fn ensure(
    draft: &mut Draft,
    definition: &Definition,
    target: ObjectId,
    state: InstanceState,
) -> Result<ObjectId, BranchError> {
    let id = instance_id(definition.id, target);
    let status = AttrInput::by_host(state.word());
    if draft.kind_of(id)?.is_some() {
        draft.update(id, Input::default().attr("status", status))?;
        return Ok(id);
    }
    let label = match draft.object(target)? {
        Some(object) => draft.display_label(&object)?,
        None => target.to_string(),
    };
    let input = Input::default()
        .attr("name", AttrInput::by_host(format!("{}: {label}", definition.name)))
        .attr("status", status)
        .rel("object", vec![PeerInput::id(target)])
        .rel("definition", vec![PeerInput::id(definition.id)]);
    draft.create(KIND, Some(id), input)?;
    Ok(id)
}
