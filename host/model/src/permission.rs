//! What an account may do: permissions in their public text form, and the decision they add up to.
//! Must not know where permissions are kept, or who asks.
//!
//! An object permission speaks of kinds by namespace and name, either of which may be a pattern with
//! `*`. The most specific one decides; among equals a denial does.

use std::fmt;
use std::str::FromStr;

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Reading it.
    View,
    /// Making one.
    Create,
    /// Changing it.
    Update,
    /// Taking it away.
    Delete,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::View, Self::Create, Self::Update, Self::Delete];

    /// In the public words.
    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What is done to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GlobalAction {
    /// Everything.
    SuperAdmin,
    /// Changing the default branch.
    EditDefaultBranch,
    /// Merging a branch.
    MergeBranch,
    /// Merging a proposed change.
    MergeProposedChange,
    /// Loading schemas.
    ManageSchema,
    /// Making and changing accounts.
    ManageAccounts,
    /// Making and changing roles and permissions.
    ManagePermissions,
    /// Repositories, and with them generators and their components.
    ManageRepositories,
    /// Settings of all.
    ManageGlobalPreferences,
}

impl GlobalAction {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SuperAdmin,
        Self::EditDefaultBranch,
        Self::MergeBranch,
        Self::MergeProposedChange,
        Self::ManageSchema,
        Self::ManageAccounts,
        Self::ManagePermissions,
        Self::ManageRepositories,
        Self::ManageGlobalPreferences,
    ];

    /// In the public words.
    pub fn word(self) -> &'static str {
        match self {
            Self::SuperAdmin => "super_admin",
            Self::EditDefaultBranch => "edit_default_branch",
            Self::MergeBranch => "merge_branch",
            Self::MergeProposedChange => "merge_proposed_change",
            Self::ManageSchema => "manage_schema",
            Self::ManageAccounts => "manage_accounts",
            Self::ManagePermissions => "manage_permissions",
            Self::ManageRepositories => "manage_repositories",
            Self::ManageGlobalPreferences => "manage_global_preferences",
        }
    }
}

/// Where something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Nowhere.
    Deny,
    /// On the default branch.
    AllowDefault,
    /// On every other branch.
    AllowOther,
    /// Everywhere.
    AllowAll,
}

impl Decision {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deny, Self::AllowDefault, Self::AllowOther, Self::AllowAll];

    /// In the public words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::AllowDefault => "allow_default",
            Self::AllowOther => "allow_other",
            Self::AllowAll => "allow_all",
        }
    }

    /// As the public kinds store it.
    pub fn number(self) -> i64 {
        match self {
            Self::Deny => 1,
            Self::AllowDefault => 2,
            Self::AllowOther => 4,
            Self::AllowAll => 6,
        }
    }

    /// From the stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.number() == number)
    }

    fn allows(self, place: Place) -> bool {
        match self {
            Self::Deny => false,
            Self::AllowDefault => place == Place::Default,
            Self::AllowOther => place == Place::Other,
            Self::AllowAll => true,
        }
    }
}

/// Which kind of branch something is done on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The default branch.
    Default,
    /// Another branch.
    Other,
}

/// One permission on objects: `object:<namespace>:<name>:<action>:<decision>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPermission {
    /// Namespace of the kinds, `*` within it stands for anything.
    pub namespace: String,
    /// Name of the kinds, likewise.
    pub name: String,
    /// What is done; nothing means any.
    pub action: Option<Action>,
    /// Where it is allowed.
    pub decision: Decision,
}

/// One permission on the system: `global:<action>:<decision>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalPermission {
    /// What is done.
    pub action: GlobalAction,
    /// Where it is allowed.
    pub decision: Decision,
}

/// A permission of either sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// On objects.
    Object(ObjectPermission),
    /// On the system.
    Global(GlobalPermission),
}

/// Why a text is no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no permission: {what}; write `object:NAMESPACE:NAME:ACTION:DECISION` or `global:ACTION:DECISION`"
)]
pub struct BadPermission {
    /// What was given.
    pub text: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(one) => write!(
                f,
                "object:{}:{}:{}:{}",
                one.namespace,
                one.name,
                one.action.map_or("any", Action::word),
                one.decision.word()
            ),
            Self::Global(one) => write!(f, "global:{}:{}", one.action.word(), one.decision.word()),
        }
    }
}

impl FromStr for Permission {
    type Err = BadPermission;

    fn from_str(text: &str) -> Result<Self, BadPermission> {
        let bad = |what: String| BadPermission { text: text.to_owned(), what };
        let decision = |word: &str| {
            Decision::ALL
                .into_iter()
                .find(|decision| decision.word() == word)
                .ok_or_else(|| bad(format!("`{word}` is no decision")))
        };
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["global", action, decided] => {
                let action = GlobalAction::ALL
                    .into_iter()
                    .find(|known| known.word() == action)
                    .ok_or_else(|| bad(format!("`{action}` is no global action")))?;
                Ok(Self::Global(GlobalPermission { action, decision: decision(decided)? }))
            }
            ["object", namespace, name, action, decided] => {
                if namespace.is_empty() || name.is_empty() {
                    return Err(bad("namespace and name must not be empty; `*` is any".to_owned()));
                }
                let action = match action {
                    "any" => None,
                    action => Some(
                        Action::ALL
                            .into_iter()
                            .find(|known| known.word() == action)
                            .ok_or_else(|| bad(format!("`{action}` is no action")))?,
                    ),
                };
                Ok(Self::Object(ObjectPermission {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    action,
                    decision: decision(decided)?,
                }))
            }
            _ => Err(bad("it has another form".to_owned())),
        }
    }
}

impl ObjectPermission {
    /// How closely it speaks of something; nothing where it does not speak of it.
    fn specificity(&self, namespace: &str, name: &str, action: Action) -> Option<(u8, u8, u8)> {
        let action = match self.action {
            None => 0,
            Some(own) if own == action => 1,
            Some(_) => return None,
        };
        Some((closeness(&self.namespace, namespace)?, closeness(&self.name, name)?, action))
    }
}

/// Two for the very text, one for a pattern that fits, zero for `*` alone; nothing for no fit.
fn closeness(pattern: &str, text: &str) -> Option<u8> {
    match pattern {
        "*" => Some(0),
        _ if !pattern.contains('*') => (pattern == text).then_some(2),
        _ => fits(pattern, text).then_some(1),
    }
}

/// Whether a text fits a pattern in which `*` stands for anything. Linear in the text for each part.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// All permissions of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// On objects.
    pub objects: Vec<ObjectPermission>,
    /// On the system.
    pub globals: Vec<GlobalPermission>,
}

impl Permissions {
    /// Everything, everywhere.
    pub fn all() -> Self {
        let action = GlobalAction::SuperAdmin;
        Self {
            objects: Vec::new(),
            globals: vec![GlobalPermission { action, decision: Decision::AllowAll }],
        }
    }

    /// Looking at everything.
    pub fn read_only() -> Self {
        Self {
            objects: vec![ObjectPermission {
                namespace: "*".to_owned(),
                name: "*".to_owned(),
                action: Some(Action::View),
                decision: Decision::AllowAll,
            }],
            globals: Vec::new(),
        }
    }

    /// One more.
    pub fn add(&mut self, permission: Permission) {
        match permission {
            Permission::Object(one) => self.objects.push(one),
            Permission::Global(one) => self.globals.push(one),
        }
    }

    /// Whether the account may do everything.
    pub fn is_super_admin(&self) -> bool {
        self.decides(GlobalAction::SuperAdmin, Place::Default)
    }

    /// Whether something may be done to the system. Linear in the permissions.
    pub fn may_globally(&self, action: GlobalAction, place: Place) -> bool {
        self.is_super_admin() || self.decides(action, place)
    }

    fn decides(&self, action: GlobalAction, place: Place) -> bool {
        let about = || self.globals.iter().filter(move |one| one.action == action);
        about().all(|one| one.decision != Decision::Deny)
            && about().any(|one| one.decision.allows(place))
    }

    /// Whether something may be done to objects of a kind. The most specific permission decides;
    /// among equals a denial does, else whatever one of them allows. Linear in the permissions.
    pub fn may(&self, namespace: &str, name: &str, action: Action, place: Place) -> bool {
        if self.is_super_admin() {
            return true;
        }
        let about = |one: &&ObjectPermission| one.specificity(namespace, name, action);
        let closest = self.objects.iter().filter_map(|one| about(&one)).max();
        let deciding = || self.objects.iter().filter(|one| about(one) == closest);
        closest.is_some()
            && deciding().all(|one| one.decision != Decision::Deny)
            && deciding().any(|one| one.decision.allows(place))
    }
}
