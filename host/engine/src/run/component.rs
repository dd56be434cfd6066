//! Uploaded components: content-addressed bytes in the store, ready to run in the sandbox.

use std::sync::Arc;

use branch::{Author, BranchError, Cause, CommitFailure, Ledger, LedgerOrder, View};
use model::{BranchId, Digest};
use sandbox::api::World;
use sandbox::{CheckError, Component, LoadError};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::fixture::{Fixture, run_fixture};
use crate::run::{Engine, RunError};

/// Why a component cannot be stored or used.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The definition names none.
    #[error("generator definition `{0}` has no component; upload one and set `component`")]
    None(String),
    /// It was never uploaded.
    #[error("component {0} is not in the store; upload it")]
    Unknown(Digest),
    /// It is of another world.
    #[error(
        "`{definition}` needs a component that is a {}, but its component is a {}", .wanted.name(), .found.name()
    )]
    World {
        /// The definition.
        definition: String,
        /// What it needs.
        wanted: World,
        /// What the component is.
        found: World,
    },
    /// The upload does not pass the check.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// It does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Reading failed.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// It was not stored.
    #[error(transparent)]
    Commit(#[from] CommitFailure),
}

impl ComponentError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None(_) => "no-component",
            Self::Unknown(_) => "unknown-component",
            Self::World { .. } => "wrong-world",
            Self::Check(error) => error.code.name(),
            Self::Load(error) => error.code(),
            Self::Branch(error) => error.code(),
            Self::Commit(failure) => failure.code(),
        }
    }
}

/// What is known of a stored component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentInfo {
    /// Its digest.
    pub digest: String,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was uploaded, microseconds.
    pub uploaded: i64,
}

impl Engine {
    /// Checks and stores a component. The same bytes again change nothing.
    pub fn upload(&self, bytes: &[u8], author: Author) -> Result<ComponentInfo, ComponentError> {
        let digest = Digest::of(bytes);
        if let Some(known) = self.component_info(digest)? {
            return Ok(known);
        }
        // Loading compiles it, so that what is stored is known to run.
        self.shared.sandbox.load(digest, bytes)?;
        let mut draft = self.shared.database.draft(BranchId::MAIN, author)?;
        let info = ComponentInfo {
            digest: digest.to_string(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            uploaded: draft.now().0,
        };
        let row = postcard::to_stdvec(&info).unwrap_or_default();
        draft.put_ledger(Ledger::Components, digest.0.to_vec(), Some(row))?;
        draft.put_ledger(Ledger::ComponentBytes, digest.0.to_vec(), Some(bytes.to_vec()))?;
        match self.shared.database.commit(draft, Cause::Component) {
            Ok(_) => Ok(info),
            // Somebody uploaded the same bytes at the same time.
            Err(CommitFailure::Conflict { .. }) => Ok(info),
            Err(other) => Err(other.into()),
        }
    }

    /// Makes a component ready for plans without storing it; checked and compiled as an upload is.
    pub fn try_out(&self, bytes: &[u8]) -> Result<Digest, ComponentError> {
        let digest = Digest::of(bytes);
        self.shared.sandbox.load(digest, bytes)?;
        Ok(digest)
    }

    /// Runs a component against recorded answers.
    pub fn run_fixture(&self, bytes: &[u8], fixture: Fixture) -> Result<Json, ComponentError> {
        let component = self.shared.sandbox.load(Digest::of(bytes), bytes)?;
        Ok(run_fixture(&component, fixture, &self.shared.options.limits))
    }

    /// What is known of a component.
    pub fn component_info(&self, digest: Digest) -> Result<Option<ComponentInfo>, ComponentError> {
        let view = self.shared.database.view(BranchId::MAIN)?;
        Ok(view
            .ledger(Ledger::Components, &digest.0)?
            .and_then(|row| postcard::from_bytes(&row).ok()))
    }

    /// All components, by digest.
    pub fn components(&self) -> Result<Vec<ComponentInfo>, ComponentError> {
        let view = self.shared.database.view(BranchId::MAIN)?;
        let rows = view.ledger_rows(Ledger::Components, &[], LedgerOrder::Ascending, usize::MAX)?;
        Ok(rows.iter().filter_map(|(_, row)| postcard::from_bytes(row).ok()).collect())
    }

    /// The component of a definition, ready to run as what it is defined to be.
    pub(crate) fn component_of(
        &self,
        view: &View,
        definition: &str,
        digest: Option<Digest>,
        wanted: World,
    ) -> Result<Arc<Component>, RunError> {
        let digest = digest.ok_or_else(|| ComponentError::None(definition.to_owned()))?;
        let ready = match self.shared.sandbox.loaded(digest) {
            Some(ready) => ready,
            None => {
                let bytes = view
                    .ledger(Ledger::ComponentBytes, &digest.0)?
                    .ok_or(ComponentError::Unknown(digest))?;
                self.shared.sandbox.load(digest, &bytes).map_err(ComponentError::from)?
            }
        };
        if ready.world() != wanted {
            let (definition, found) = (definition.to_owned(), ready.world());
            return Err(ComponentError::World { definition, wanted, found }.into());
        }
        Ok(ready)
    }
}
