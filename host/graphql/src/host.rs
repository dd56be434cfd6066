//! What requests need of the host beyond a view: committing a change, and answering what is not about
//! objects of a kind.

use std::collections::BTreeSet;

use branch::{Draft, Object, View};
use model::schema::{Kind, Schema};
use model::{ObjectId, Symbol};
use serde_json::{Map, Value as Json};

use crate::error::GraphqlError;

/// The answer to a root field that is not a kind's.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// All that could be selected; the selection takes its part.
    Json(Json),
    /// An object, shown as objects are.
    Object(ObjectId),
}

/// A change under way: makes its part of a draft. May be called again on a fresh draft.
pub type Make<'m> = dyn FnMut(&mut Draft) -> Result<(), GraphqlError> + 'm;

/// What the dialect calls.
pub trait Host {
    /// Makes one change and commits it, then does what follows from it. Repeated on a fresh draft when
    /// what it read has changed in between. `make` finishes the draft itself. With an account, the
    /// change is attributed to it.
    fn change(&self, account: Option<ObjectId>, make: &mut Make<'_>) -> Result<(), GraphqlError>;

    /// Deletes an object in a draft, with what goes with it.
    fn delete(&self, draft: &mut Draft, object: &Object) -> Result<(), GraphqlError>;

    /// Puts a file that came with the request, by the name of its part, to an object in a draft.
    fn attach(
        &self,
        _draft: &mut Draft,
        _object: ObjectId,
        _part: &str,
    ) -> Result<(), GraphqlError> {
        Err(GraphqlError::bad_request("no file can be taken here".to_owned()))
    }

    /// The concrete kinds whose objects the caller may not look at. Asked once a request.
    fn hidden(&self, _schema: &Schema) -> BTreeSet<Symbol> {
        BTreeSet::new()
    }

    /// Why objects of a kind are not shown.
    fn unseen(&self, kind: &Kind) -> GraphqlError {
        let message = format!("objects of `{}` are not shown here", kind.name);
        GraphqlError::of_host(message, "PERMISSION_DENIED", 403)
    }

    /// What the caller may do with objects of a kind, in the public words: view, create, update,
    /// delete.
    fn decisions(&self, _kind: &Kind) -> [&'static str; 4] {
        ["ALLOW"; 4]
    }

    /// Answers a root field that is not a kind's, query or mutation.
    fn answer(
        &self,
        view: &View,
        field: &str,
        arguments: &Map<String, Json>,
    ) -> Result<Answer, GraphqlError>;
}

/// A host that only reads objects: what a generator's queries see.
#[derive(Debug, Clone, Copy)]
pub struct ReadOnly;

impl Host for ReadOnly {
    fn change(&self, _account: Option<ObjectId>, _make: &mut Make<'_>) -> Result<(), GraphqlError> {
        Err(GraphqlError::bad_request("nothing can be changed by a query here".to_owned()))
    }

    fn delete(&self, _draft: &mut Draft, _object: &Object) -> Result<(), GraphqlError> {
        Err(GraphqlError::bad_request("nothing can be deleted by a query here".to_owned()))
    }

    fn answer(
        &self,
        _view: &View,
        field: &str,
        _arguments: &Map<String, Json>,
    ) -> Result<Answer, GraphqlError> {
        let message = format!("`{field}` is not available here; ask for objects of a kind");
        Err(GraphqlError::bad_request(message))
    }
}
