//! What an account may do: the permissions of the roles of its groups.

use std::collections::BTreeMap;

use branch::{BranchError, Object, View};
use model::permission::{Action, Decision, GlobalAction, GlobalPermission, ObjectPermission};
use model::permission::{Permission, Permissions};
use model::{ObjectId, Value};

use crate::Service;
use crate::accounts::{ACCOUNT, Caller};

impl Service {
    /// The account as a caller; nothing where it is gone or inactive. A dozen reads a role.
    pub(super) fn caller_of(
        &self,
        view: &View,
        account: ObjectId,
    ) -> Result<Option<Caller>, BranchError> {
        let Some(object) = view.object(account)?.filter(|found| found.kind().name == ACCOUNT)
        else {
            return Ok(None);
        };
        if object.value("status").as_text() == Some("inactive") {
            return Ok(None);
        }
        let mut permissions = Permissions::default();
        for permission in permissions_of(view, &object)? {
            if let Some(permission) = read(&permission) {
                permissions.add(permission);
            }
        }
        let name = object.value("name").to_string();
        Ok(Some(Caller { account: Some(account), name, permissions }))
    }
}

/// The permissions that an account has by the roles of its groups, each once, in the order of ids.
pub(crate) fn permissions_of(view: &View, account: &Object) -> Result<Vec<Object>, BranchError> {
    let mut all = BTreeMap::new();
    for group in peers(view, account, "member_of_groups")? {
        for role in peers(view, &group, "roles")? {
            for permission in peers(view, &role, "permissions")? {
                all.insert(permission.id(), permission);
            }
        }
    }
    Ok(all.into_values().collect())
}

fn peers(view: &View, object: &Object, relationship: &str) -> Result<Vec<Object>, BranchError> {
    let Some(rel) = object.kind().relationship(relationship) else { return Ok(Vec::new()) };
    let mut peers = Vec::new();
    for edge in view.peers(object.id(), rel)? {
        peers.extend(view.object(edge.peer)?);
    }
    Ok(peers)
}

/// A permission from its object. What does not read allows nothing.
fn read(object: &Object) -> Option<Permission> {
    let text = |name: &str| object.value(name).as_text().map(str::to_owned);
    let decision = match object.value("decision") {
        Value::Int(number) => Decision::from_number(number)?,
        _ => return None,
    };
    if object.kind().name == "CoreGlobalPermission" {
        let word = text("action")?;
        let action = GlobalAction::ALL.into_iter().find(|action| action.word() == word)?;
        return Some(Permission::Global(GlobalPermission { action, decision }));
    }
    let word = text("action").unwrap_or_else(|| "any".to_owned());
    let action = match word.as_str() {
        "any" => None,
        word => Some(Action::ALL.into_iter().find(|action| action.word() == word)?),
    };
    let (namespace, name) = (text("namespace")?, text("name")?);
    Some(Permission::Object(ObjectPermission { namespace, name, action, decision }))
}
