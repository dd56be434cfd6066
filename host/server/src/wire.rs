//! Bodies of requests and answers, as they are on the wire.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file in a request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Name, for messages.
    pub name: String,
    /// Text.
    pub text: String,
}

/// Files to load: all of them, or none.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The files, in order.
    pub files: Vec<File>,
}

/// An object that becomes one of another kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Convert {
    /// Its kind.
    pub kind: String,
    /// Its id, or its human-friendly id, parts joined by `/`.
    pub name: String,
    /// The kind it becomes.
    pub target: String,
    /// Where fields of the target come from, by name: one of `{"source_field": NAME}`,
    /// `{"data": {"attribute_value" | "peer_id" | "peers_ids": ..}}`, `{"use_default_value": true}`.
    #[serde(default)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Schema documents to load or check: all of them, or none.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SchemaDocuments {
    /// Documents as they are once read, as the published clients send them.
    pub schemas: Vec<serde_json::Value>,
    /// Files with their text: errors then tell lines.
    pub files: Vec<File>,
}

/// A definition to register, or to change.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Definition {
    /// Name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Text of the query.
    pub query: String,
    /// Variable → path on the target.
    pub parameters: BTreeMap<String, String>,
    /// Name of the target group.
    pub targets: String,
    /// Digest of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Whether existing objects may be taken over.
    pub adoption: bool,
    /// `prune` or `retain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_release: Option<String>,
    /// `fail` or `retain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_protected: Option<String>,
    /// Shared secret of the HTTP trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_secret: Option<String>,
    /// Whether it runs for proposed changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execute_in_proposed_change: Option<bool>,
    /// Whether it runs on main after a merge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execute_after_merge: Option<bool>,
}

/// Which proposed changes are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// `open`, `merged`, `closed` or `canceled`; all without one.
    pub state: Option<String>,
}

/// How a proposed change is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChangeShow {
    /// Seconds to wait for its checks to be done, 30 at most.
    pub wait: u64,
}

/// A proposed change to open.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// Name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The branch that is proposed.
    pub source_branch: String,
    /// It is not to be merged yet.
    pub is_draft: bool,
    /// Names or ids of accounts.
    pub reviewers: Vec<String>,
}

/// What is done with a proposed change; each verb takes its part.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeAct {
    /// `check`: `ALL`, `DATA`, `SCHEMA`, `GENERATOR` or `USER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_type: Option<String>,
    /// `review`: `APPROVE`, `REJECT`, `CANCEL_APPROVE` or `CANCEL_REJECT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// `comment`: what is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `comment`: what it is about; it opens a thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_path: Option<String>,
}

/// A check to register, or to change.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// Name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Text of the query.
    pub query: String,
    /// Variable → path on the target, or without targets the value.
    pub parameters: BTreeMap<String, String>,
    /// Name of the group whose members are checked one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<String>,
    /// Digest of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// A failure stands in nobody's way.
    pub advisory: bool,
}

/// A check to run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckRun {
    /// Id or label of the target; all without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A run to start.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Id, human-friendly id or label of the target; all members of the group without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Show what would change, and keep nothing.
    pub plan: bool,
}

/// Who logs in.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Login {
    /// Name of the account.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A token to make.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// Whose; one's own without a name.
    pub account: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// How long it is worth something; for ever without a number.
    pub expires_in_seconds: Option<u64>,
}

/// A repository folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Folder {
    /// Text of the manifest.
    pub manifest: String,
    /// Text of its files, by path within the folder.
    pub files: BTreeMap<String, String>,
    /// Digests of its components, by path within the folder; they are uploaded first.
    pub components: BTreeMap<String, String>,
    /// The repository it is pushed as: what an earlier push of it made and this folder does not name
    /// goes. Without one nothing goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Where the folder is from: a repository that is known from elsewhere is refused. Not looked at
    /// without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Tell what it would do, and keep nothing.
    pub check: bool,
}

/// Which artifacts are made.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Generate {
    /// Ids of artifacts, or of members of the group; all members without one.
    pub nodes: Option<Vec<String>>,
}

/// Text to store.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The text.
    pub content: String,
}

/// A GraphQL request.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GraphqlBody {
    /// The document.
    pub query: String,
    /// Which operation.
    #[serde(rename = "operationName")]
    pub operation_name: Option<String>,
    /// Values of variables.
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Variables of a stored query.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoredQuery {
    /// By name.
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A branch to make, or what to change of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Branch {
    /// Name; a new one where the branch is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Which part of a branch's diff is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Diff {
    /// `fork` or `main`.
    pub against: Option<String>,
    /// Only what changed after this moment.
    pub from: Option<String>,
    /// As of this moment.
    pub to: Option<String>,
    /// Only objects of this kind.
    pub kind: Option<String>,
    /// Objects to pass over.
    pub offset: usize,
    /// Objects at most.
    pub limit: Option<usize>,
}

/// Which field is asked about.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Blame {
    /// Attribute or relationship.
    pub field: String,
    /// Values at most.
    pub limit: Option<usize>,
}

/// What to take back: a commit, or what a run changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Revert {
    /// Number of the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// Id of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Show what would change, and keep nothing.
    pub plan: bool,
}

/// Which side of a conflict stands: `main` or `branch`; null takes the decision back.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// The side.
    pub keep: Option<String>,
}

/// A draw from a pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Draw {
    /// Same identifier, same resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// This value and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Prefix length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_length: Option<u8>,
    /// Kind of the object that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `prefix` or `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_type: Option<String>,
    /// Values of the object that is made.
    pub data: BTreeMap<String, serde_json::Value>,
    /// How many; one without it.
    pub count: usize,
    /// The division, for a pool with a scope.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scope: BTreeMap<String, String>,
    /// Numbers in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// What the first is a multiple of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<u32>,
    /// When it ends by itself (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Only set aside for the identifier.
    pub set_aside: bool,
}

/// How long a pool lasts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Forecast {
    /// The generator whose instances draw; plain draws without it.
    pub definition: Option<String>,
    /// The plain draw.
    pub draw: Draw,
}

/// How finely a pool is drawn.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cells {
    /// Cells of a resource at most.
    pub cells: Option<u32>,
}

/// What is given back to a pool.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The identifier it was drawn under.
    pub identifier: String,
    /// Why, for whoever asks later.
    #[serde(default)]
    pub why: String,
}
