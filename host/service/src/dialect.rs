//! What GraphQL asks of the host: committing mutations, and root fields that are not about objects of
//! a kind.

mod accounts;
mod branches;
mod changes;
mod convert;
mod diff;
mod events;
mod pools;
mod schema;
mod status;
mod tasks;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use branch::{Author, BranchError, Cause, Draft, Object, View, Violation};
use graphql::{Answer, GraphqlError, Host, Make, ReadOnly};
use model::permission::GlobalAction;
use model::schema::{Kind, Schema};
use model::{Digest, ObjectId, Symbol};
use serde_json::{Map, Value as Json};

use crate::objects::Settled;
use crate::{Enclosed, Service, ServiceError};

/// How often a mutation is made again when what it read has changed.
const ATTEMPTS: usize = 64;

/// The host of one request.
pub(crate) struct DialectHost<'s> {
    pub(crate) service: &'s Service,
    enclosed: &'s Enclosed,
    /// A stored query: what the caller may look at is shown, nothing is changed, and nothing of the
    /// host is told.
    only_reads: bool,
    /// How many secrets were made.
    drawn: Cell<u32>,
}

/// Nothing came along.
static NOTHING: Enclosed = Enclosed { files: BTreeMap::new(), random: None };

impl<'s> DialectHost<'s> {
    pub(crate) fn new(service: &'s Service, enclosed: &'s Enclosed) -> Self {
        Self { service, enclosed, only_reads: false, drawn: Cell::new(0) }
    }

    /// The host of a stored query.
    pub(crate) fn reading(service: &'s Service) -> Self {
        Self { only_reads: true, ..Self::new(service, &NOTHING) }
    }

    /// Bytes that nobody can guess, others each time.
    fn random(&self) -> Result<[u8; 32], GraphqlError> {
        let missing =
            || GraphqlError::bad_request("no secret can be made by this request".to_owned());
        let seed = self.enclosed.random.ok_or_else(missing)?;
        let number = self.drawn.replace(self.drawn.get().saturating_add(1));
        Ok(Digest::of(&[seed.as_slice(), &number.to_be_bytes()].concat()).0)
    }

    fn author(&self, account: Option<ObjectId>) -> Result<Author, GraphqlError> {
        let caller = &self.service.caller;
        let Some(id) = account.filter(|id| caller.account != Some(*id)) else {
            return Ok(caller.author());
        };
        self.service.may_globally(GlobalAction::ManageAccounts).map_err(told)?;
        let view = self.service.view().map_err(told)?;
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
        if self.only_reads {
            return ReadOnly.change(account, make);
        }
        let author = self.author(account)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut draft = self.service.draft_by(author).map_err(told)?;
            make(&mut draft)?;
            match self.service.settle(draft, Cause::Objects).map_err(told)? {
                Settled::Done(committed) => {
                    self.service.sweep(&committed.changes).map_err(told)?;
                    return Ok(());
                }
                Settled::Again(_conflict) if attempt < ATTEMPTS => {}
                Settled::Again(conflict) => return Err(conflict.into()),
            }
        }
    }

    fn delete(&self, draft: &mut Draft, object: &Object) -> Result<(), GraphqlError> {
        self.service.delete_in(draft, object).map_err(told)
    }

    fn attach(&self, draft: &mut Draft, object: ObjectId, part: &str) -> Result<(), GraphqlError> {
        let missing = || {
            let message =
                "`file` takes a file that is sent with the request as multipart/form-data";
            GraphqlError::bad_request(message.to_owned())
        };
        let upload = self.enclosed.files.get(part).ok_or_else(missing)?;
        self.service.attach(draft, object, upload).map_err(told)
    }

    fn hidden(&self, schema: &Schema) -> BTreeSet<Symbol> {
        self.service.hidden(schema)
    }

    fn unseen(&self, kind: &Kind) -> GraphqlError {
        told(self.service.unseen(kind))
    }

    fn decisions(&self, kind: &Kind) -> [&'static str; 4] {
        self.service.decisions(kind)
    }

    fn answer(
        &self,
        view: &View,
        field: &str,
        arguments: &Map<String, Json>,
    ) -> Result<Answer, GraphqlError> {
        if self.only_reads {
            return ReadOnly.answer(view, field, arguments);
        }
        let given = Arguments(arguments);
        if field == "AccountProfile" {
            return self.profile().map(Answer::Object);
        }
        let json = match field {
            "InfrahubInfo" => self.info(),
            "InfrahubStatus" => Ok(self.status(view)),
            "InfrahubIPPrefixPoolGetResource" | "IPPrefixPoolGetResource" => {
                self.pool_get_resource(true, &given)
            }
            "InfrahubIPAddressPoolGetResource" | "IPAddressPoolGetResource" => {
                self.pool_get_resource(false, &given)
            }
            "InfrahubResourcePoolAllocated" => self.pool_allocated(&given),
            "InfrahubResourcePoolUtilization" => self.pool_utilization(&given),
            "InfrahubIPPrefixGetNextAvailable" | "IPPrefixGetNextAvailable" => {
                self.next_available(true, &given)
            }
            "InfrahubIPAddressGetNextAvailable" | "IPAddressGetNextAvailable" => {
                self.next_available(false, &given)
            }
            "Branch" => self.branches(&given),
            "BranchCreate" => self.branch_create(&given),
            "BranchUpdate" => self.branch_update(&given),
            "BranchDelete" => self.branch_delete(&given),
            "CoreProposedChangeRunCheck" => self.change_check(&given),
            "CoreProposedChangeMerge" => self.change_merge(&given),
            "CoreProposedChangeReview" => self.change_review(&given),
            "CoreProposedChangeAvailableActions" => self.change_actions(&given),
            "DiffTree" | "DiffTreeSummary" => self.diff_tree(&given),
            "DiffUpdate" => self.diff_update(&given),
            "InfrahubPermissions" => self.permissions(),
            "InfrahubBranch" => self.branch_page(&given),
            "InfrahubEvent" => self.events(view, &given),
            "ConvertObjectType" => self.convert(&given),
            "FieldsMappingTypeConversion" => self.fields_mapping(&given),
            "SchemaDropdownAdd" => self.dropdown(&given, true),
            "SchemaDropdownRemove" => self.dropdown(&given, false),
            "SchemaEnumAdd" => self.enumeration(&given, true),
            "SchemaEnumRemove" => self.enumeration(&given, false),
            "BranchMerge" => self.branch_merge(&given),
            "BranchRebase" => self.branch_rebase(&given),
            "BranchValidate" => self.branch_validate(&given),
            "ResolveDiffConflict" => self.resolve_conflict(&given),
            "InfrahubTask" => self.tasks(view, &given),
            "InfrahubTaskBranchStatus" => self.tasks_under_way(&given),
            "InfrahubTaskRetry" => self.task_retry(view, &given),
            "InfrahubTaskCancel" => self.task_cancel(view, &given),
            "InfrahubGraphQLQueryReport" => self.query_report(view, &given),
            "InfrahubAccountToken" => self.tokens(&given),
            "InfrahubAccountTokenCreate" => self.token_create(&given),
            "InfrahubAccountTokenDelete" => self.token_delete(&given),
            "InfrahubAccountSelfUpdate" => self.self_update(&given),
            "CoreGeneratorDefinitionRun" => self.run_definition(view, &given),
            "InfrahubSearchAnywhere" => self.search(view, &given),
            "Relationship" => self.relationships(view, &given),
            _ => {
                let (kind, nearest) = (field.to_owned(), None);
                return Err(BranchError::from(Violation::UnknownKind { kind, nearest }).into());
            }
        };
        json.map(Answer::Json)
    }
}

/// The arguments of a root field, or the object in one of them.
pub(crate) struct Arguments<'a>(pub(crate) &'a Map<String, Json>);

impl<'a> Arguments<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Json::as_str)
    }

    /// A text that must be there.
    pub(crate) fn must(&self, name: &str) -> Result<&'a str, GraphqlError> {
        let missing = || GraphqlError::bad_request(format!("`{name}` must be given"));
        self.text(name).ok_or_else(missing)
    }

    /// A list of texts; one alone is a list of one.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Json::Array(items)) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(Json::String(only)) => vec![only.clone()],
            _ => Vec::new(),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.get(name).and_then(Json::as_u64).and_then(|number| usize::try_from(number).ok())
    }

    /// The object under `data`.
    pub(crate) fn data(&self) -> Result<Self, GraphqlError> {
        match self.get("data") {
            Some(Json::Object(data)) => Ok(Self(data)),
            _ => Err(GraphqlError::bad_request("`data` must be an object".to_owned())),
        }
    }

    /// The account that the change is to be attributed to.
    pub(crate) fn account(&self) -> Result<Option<ObjectId>, GraphqlError> {
        graphql::account(self.0)
    }
}

/// Part of a list that was asked for by `offset` and `limit`; no limit, or zero, is all.
pub(crate) fn page(items: Vec<Json>, arguments: &Arguments<'_>) -> Vec<Json> {
    let rest = items.into_iter().skip(arguments.number("offset").unwrap_or(0));
    match arguments.number("limit").filter(|limit| *limit > 0) {
        Some(limit) => rest.take(limit).collect(),
        None => rest.collect(),
    }
}

/// An error of a verb in the dialect's shape: the same code, the matching status.
pub(crate) fn told(error: ServiceError) -> GraphqlError {
    match error {
        ServiceError::Graphql(error) => error,
        ServiceError::Branch(error) => error.into(),
        ServiceError::Commit(failure) => failure.into(),
        other => {
            let (data, status) = (other.data(), other.class().status());
            GraphqlError { data, ..GraphqlError::of_host(other.to_string(), other.code(), status) }
        }
    }
}
