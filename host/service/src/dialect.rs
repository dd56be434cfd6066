//! What GraphQL asks of the host: committing mutations, and root fields that are not about objects of
//! a kind.

use branch::{
    Author, BranchError, Cause, ChangeSet, CommitFailure, Draft, Object, View, Violation,
};
use graphql::{Answer, GraphqlError, Host, Make};
use model::{BranchId, ObjectId};
use serde_json::{Map, Value as Json};

use crate::{AUTHOR, ErrorClass, Service, ServiceError};

/// How often a mutation is made again when what it read has changed.
const ATTEMPTS: usize = 64;

/// The host of one request.
pub(crate) struct DialectHost<'s> {
    pub(crate) service: &'s Service,
    pub(crate) branch: BranchId,
}

impl DialectHost<'_> {
    fn author(&self, account: Option<ObjectId>) -> Result<Author, GraphqlError> {
        let Some(id) = account else { return Ok(AUTHOR) };
        let view = self.service.database.view(self.branch)?;
        match view.object(id)? {
            Some(object) if view.schema().is_a(object.kind(), "CoreGenericAccount") => {
                Ok(Author(id))
            }
            _ => Err(GraphqlError::not_found("CoreGenericAccount", &id.to_string())),
        }
    }
}

impl Host for DialectHost<'_> {
    fn change(&self, account: Option<ObjectId>, make: &mut Make<'_>) -> Result<(), GraphqlError> {
        let author = self.author(account)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut draft = self.service.database.draft(self.branch, author)?;
            make(&mut draft)?;
            let changes = ChangeSet::of(&draft)?;
            match self.service.database.commit_finished(draft, Cause::Objects) {
                Ok(_seq) => {
                    self.service.sweep(&changes).map_err(told)?;
                    return Ok(());
                }
                Err(CommitFailure::Conflict { .. }) if attempt < ATTEMPTS => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    fn delete(&self, draft: &mut Draft, object: &Object) -> Result<(), GraphqlError> {
        if object.kind().name == "CoreGeneratorDefinition" {
            self.service.end_definition(draft, object).map_err(told)?;
        }
        Ok(draft.delete(&[object.id()]).map(|_gone| ())?)
    }

    fn answer(
        &self,
        _view: &View,
        field: &str,
        _arguments: &Map<String, Json>,
    ) -> Result<Answer, GraphqlError> {
        let (kind, nearest) = (field.to_owned(), None);
        Err(BranchError::from(Violation::UnknownKind { kind, nearest }).into())
    }
}

/// An error of a verb in the dialect's shape: the same code, the matching status.
pub(crate) fn told(error: ServiceError) -> GraphqlError {
    match error {
        ServiceError::Graphql(error) => error,
        ServiceError::Branch(error) => error.into(),
        ServiceError::Commit(failure) => failure.into(),
        other => {
            let status = match other.class() {
                ErrorClass::Invalid => 422,
                ErrorClass::NotFound => 404,
                ErrorClass::Conflict => 409,
                ErrorClass::Denied => 403,
                ErrorClass::Internal => 500,
            };
            GraphqlError::of_host(other.to_string(), other.code(), status)
        }
    }
}
