//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Turns service intent into infrastructure objects.
///
/// Exit codes: 0 done, 1 refused or a run failed, 2 wrong arguments, 3 the server cannot be reached
/// or does not start, 4 a file cannot be read.
#[derive(Debug, Parser)]
#[command(name = "kiln", version)]
pub(crate) struct Arguments {
    /// Address of the server.
    #[arg(long, global = true, env = "KILN_SERVER", default_value = "http://127.0.0.1:8710")]
    pub(crate) server: String,
    /// The branch; main without it.
    #[arg(long, global = true, env = "KILN_BRANCH")]
    pub(crate) branch: Option<String>,
    /// A moment of the past: a commit number, an ISO time, or one relative to now, such as `-1h`.
    #[arg(long, global = true, allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// API token; who sends none may read, where the server lets them.
    #[arg(long, global = true, env = "KILN_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Answers as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the HTTP API of a data folder.
    Serve(Serve),
    /// Show the main job with the example `web-service`, in a store of its own.
    Demo(Demo),
    /// Schemas.
    #[command(subcommand)]
    Schema(Schema),
    /// Objects.
    #[command(subcommand)]
    Object(Object),
    /// Branches.
    #[command(subcommand)]
    Branch(Branch),
    /// Pools of numbers, prefixes and addresses.
    #[command(subcommand)]
    Pool(Pool),
    /// Take a repository folder with an `.infrahub.yml`: schemas, queries, objects, menus and
    /// definitions, all of it or nothing.
    Push(PushFolder),
    /// Artifacts: documents made of the data by templates.
    #[command(subcommand)]
    Artifact(Artifact),
    /// Generators.
    #[command(subcommand)]
    Generator(Generator),
    /// Proposed changes: branches put forward for merging.
    #[command(subcommand)]
    Change(Change),
    /// Checks: components that say what is wrong with what a branch would change.
    #[command(subcommand)]
    Checks(Checks),
    /// Which commits and runs set an attribute, the newest first; of a relationship, who linked what.
    Blame {
        /// Kind.
        kind: String,
        /// Id or human-friendly id, its parts joined by `/`.
        name: String,
        /// Attribute or relationship.
        field: String,
        /// Values at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Why a run ran, and which commits changed what it looks at.
    Why {
        /// Id of the run.
        run: String,
    },
    /// Take a commit or a run back, where nothing later touched what it changed.
    Revert(Revert),
    /// API tokens.
    #[command(subcommand)]
    Token(Token),
    /// Make a folder with a generator that works, to begin from.
    New {
        /// The folder; its last part names the generator.
        folder: PathBuf,
    },
    /// Build the generators of a folder into components, and check them.
    Build(Build),
    /// Try a component in the sandbox and print the plan: with the schema and data of its folder, a
    /// recorded fixture, a data folder, or a server's data. Nothing is kept.
    Run(LocalRun),
    /// Check a component as an upload would be, and show what it imports and exports.
    Check {
        /// The component.
        component: PathBuf,
    },
    /// The store of a data folder; no server may have it open.
    #[command(subcommand)]
    Store(Store),
    /// Print every limit on what comes from outside, as tables in Markdown.
    Limits,
    /// What the server starts to compile an upload: limits itself and reads it.
    #[command(name = "__compile", hide = true)]
    Compile {
        /// Processor time.
        seconds: u64,
        /// Address space.
        memory_bytes: u64,
    },
    /// What the server starts to make a document of a template: limits itself and reads both.
    #[command(name = "__render", hide = true)]
    Render {
        /// Processor time.
        seconds: u64,
        /// Address space.
        memory_bytes: u64,
    },
    /// Print a completion script.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Artifact {
    /// Make the artifacts of a definition, and tell what came of each.
    Generate {
        /// Name or id of the definition.
        definition: String,
        /// Ids of artifacts or members; all members without one.
        nodes: Vec<String>,
    },
    /// Print the content of an artifact.
    Show {
        /// Its id.
        id: String,
    },
    /// Print what a template makes now, and keep nothing.
    Render {
        /// Name or id of the transform.
        transform: String,
        /// Variables of its query, as `name=value`.
        variables: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Open one and run its checks: what the branch concerns runs on it.
    Open {
        /// The branch.
        source: String,
        /// Name; that of the branch without one.
        #[arg(long)]
        name: Option<String>,
        /// For people.
        #[arg(long)]
        description: Option<String>,
        /// It is not to be merged yet.
        #[arg(long)]
        draft: bool,
        /// Name of an account that is asked to look at it. Once for each.
        #[arg(long = "reviewer")]
        reviewers: Vec<String>,
        /// Do not wait until its checks are done.
        #[arg(long)]
        no_wait: bool,
    },
    /// All, the newest first.
    List {
        /// Only `open`, `merged`, `closed` or `canceled` ones.
        #[arg(long)]
        state: Option<String>,
    },
    /// One: its checks, reviews and comments, and what stands in the way of merging it.
    Show {
        /// Name or id.
        name: String,
        /// Wait until its checks are done.
        #[arg(long)]
        wait: bool,
        /// And what main would get by merging it now, as `preview` tells.
        #[arg(long)]
        preview: bool,
    },
    /// What main would get by merging one now: the merge itself, and what generators on main would make
    /// of it. Nothing is kept.
    Preview {
        /// Name or id.
        name: String,
    },
    /// Run checks again.
    Check {
        /// Name or id.
        name: String,
        /// `all`, `data`, `schema`, `generator` or `user`.
        #[arg(long, default_value = "all")]
        kind: String,
        /// Do not wait until they are done.
        #[arg(long)]
        no_wait: bool,
    },
    /// Approve or reject one, or take that back.
    Review {
        /// Name or id.
        name: String,
        /// `approve`, `reject`, `cancel_approve` or `cancel_reject`.
        decision: String,
    },
    /// Say something about one.
    Comment {
        /// Name or id.
        name: String,
        /// What is said.
        text: String,
        /// What it is about: `data/ID/attribute`. It opens a thread.
        #[arg(long)]
        about: Option<String>,
    },
    /// Merge one, unless a required check fails; then what it concerns runs on main. Checks that are under
    /// way are waited for.
    Merge {
        /// Name or id.
        name: String,
        /// Be refused while checks are under way.
        #[arg(long)]
        no_wait: bool,
    },
    /// Close one without merging it.
    Close {
        /// Name or id.
        name: String,
        /// Cancel it instead.
        #[arg(long)]
        cancel: bool,
    },
    /// Open a closed one again.
    Reopen {
        /// Name or id.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Checks {
    /// All checks.
    List,
    /// Upload a component and register it as a check; again, to change it.
    Put(PutCheck),
    /// Run one; nothing is recorded.
    Run {
        /// Name.
        name: String,
        /// Id or label of the target; all without one.
        #[arg(long)]
        target: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PutCheck {
    /// Name.
    pub(crate) name: String,
    /// The component.
    #[arg(long)]
    pub(crate) component: PathBuf,
    /// File of the query.
    #[arg(long)]
    pub(crate) query: PathBuf,
    /// The group whose members are checked one by one; without it the branch is checked once.
    #[arg(long)]
    pub(crate) targets: Option<String>,
    /// `variable=path`: a variable of the query and where on the target its value is. Once for each.
    #[arg(long = "parameter")]
    pub(crate) parameters: Vec<String>,
    /// A failure is told, and stands in the way of no merge.
    #[arg(long)]
    pub(crate) advisory: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Revert {
    #[command(flatten)]
    pub(crate) what: Undone,
    /// Show what would change, and keep nothing.
    #[arg(long)]
    pub(crate) plan: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Undone {
    /// Number of the commit.
    #[arg(long)]
    pub(crate) commit: Option<u64>,
    /// Id of the run.
    #[arg(long)]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Walk every table and prove what must hold between them.
    Check {
        /// Folder of the data.
        #[arg(long)]
        data: PathBuf,
    },
    /// Print every row as a line of stable text.
    Dump {
        /// Folder of the data.
        #[arg(long)]
        data: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PushFolder {
    /// The folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Folder of the components; the folder itself without it.
    #[arg(long)]
    pub(crate) components: Option<PathBuf>,
    /// The repository it is pushed as, even if that was pushed from elsewhere before. Without a name it
    /// is that of the folder. What an earlier push of it made and the folder no longer names goes.
    #[arg(long)]
    pub(crate) repository: Option<String>,
    /// Take nothing away, and remember nothing.
    #[arg(long, conflicts_with = "repository")]
    pub(crate) keep: bool,
    /// Say what it would do, and keep nothing.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder of the data; made if it is not there.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Where to listen. Beyond loopback only with accounts.
    #[arg(long, default_value = "127.0.0.1:8710")]
    pub(crate) listen: SocketAddr,
    /// Make the first account where there is none: changes take its token from then on. Its secrets
    /// are told this once, unless they are given.
    #[arg(long)]
    pub(crate) accounts: bool,
    /// Password of the first account.
    #[arg(long, env = "KILN_INITIAL_ADMIN_PASSWORD", hide_env_values = true)]
    pub(crate) admin_password: Option<String>,
    /// API token of the first account.
    #[arg(long, env = "KILN_INITIAL_ADMIN_TOKEN", hide_env_values = true)]
    pub(crate) admin_token: Option<String>,
    /// Whether who sends no credentials may look at everything.
    #[arg(long, env = "KILN_ANONYMOUS_READ", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) anonymous_read: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder of the built components.
    #[arg(long, default_value = "target/components")]
    pub(crate) components: PathBuf,
    /// Folder of the examples.
    #[arg(long, default_value = "examples")]
    pub(crate) examples: PathBuf,
    /// Keep the data in this folder; it must be empty.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// What was declared, as JSON, with the ids by which a later load renames.
    Show,
    /// What loading would do.
    Check {
        /// Files or folders.
        paths: Vec<PathBuf>,
    },
    /// Load: all files, or none.
    Load {
        /// Files or folders.
        paths: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Object {
    /// Load object files: all, or none.
    Load {
        /// Files or folders.
        paths: Vec<PathBuf>,
    },
    /// Show one.
    Get {
        /// Kind.
        kind: String,
        /// Id or human-friendly id, its parts joined by `/`.
        name: String,
    },
    /// List a kind.
    List {
        /// Kind, or a generic.
        kind: String,
    },
    /// Set attributes.
    Set {
        /// Kind.
        kind: String,
        /// Id or human-friendly id.
        name: String,
        /// `attribute=value`; the value is JSON, or else text.
        values: Vec<String>,
    },
    /// Make one an object of another kind: what both kinds have comes along, with its numbers and
    /// addresses.
    Convert {
        /// Kind.
        kind: String,
        /// Id or human-friendly id.
        name: String,
        /// The kind it becomes.
        target: String,
        /// `field=other`: a field of the target is what another field of the object was.
        #[arg(long = "from", value_name = "FIELD=OTHER")]
        from: Vec<String>,
        /// `attribute=value`; the value is JSON, or else text.
        #[arg(long = "set", value_name = "ATTRIBUTE=VALUE")]
        set: Vec<String>,
        /// `relationship=peer`: an id or human-friendly id.
        #[arg(long = "peer", value_name = "RELATIONSHIP=PEER")]
        peer: Vec<String>,
        /// `relationship=peer,peer`: the peers of a relationship of many.
        #[arg(long = "peers", value_name = "RELATIONSHIP=PEER,PEER")]
        peers: Vec<String>,
        /// A field that begins as that of a new object does.
        #[arg(long = "default", value_name = "FIELD")]
        default: Vec<String>,
    },
    /// Delete one with what goes with it.
    Delete {
        /// Kind.
        kind: String,
        /// Id or human-friendly id.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Branch {
    /// All branches.
    List,
    /// Make one from main as it is.
    Create {
        /// Name.
        name: String,
        /// For people.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// What one changed since its fork, and where main changed the same.
    Diff {
        /// Name.
        name: String,
        /// What it is compared with: `fork`, or `main` as it is now.
        #[arg(long, default_value = "fork")]
        against: String,
        /// Only objects of this kind.
        #[arg(long)]
        kind: Option<String>,
        /// Objects at most.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// One branch.
    Show {
        /// Name.
        name: String,
    },
    /// Rename or describe one.
    Update {
        /// Name.
        name: String,
        /// The new name.
        #[arg(long)]
        name_to: Option<String>,
        /// The new description.
        #[arg(long)]
        description: Option<String>,
    },
    /// Bring what one changed to main, and freeze it.
    Merge {
        /// Name.
        name: String,
        /// Only show what main would get: the merge itself, and what generators on main would make of it.
        #[arg(long)]
        plan: bool,
    },
    /// Bring one to main as it is now.
    Rebase {
        /// Name.
        name: String,
    },
    /// Whether one can be merged: conflicts and broken rules.
    Validate {
        /// Name.
        name: String,
    },
    /// What one and main changed to different things.
    Conflicts {
        /// Name.
        name: String,
    },
    /// Decide which side of a conflict stands.
    Resolve {
        /// Id of the conflict.
        conflict: String,
        /// The side that stands; without one the decision is taken back.
        #[arg(long, value_parser = ["main", "branch"])]
        keep: Option<String>,
    },
    /// Delete one with what is on it; what it drew from pools is free again.
    Delete {
        /// Name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// One's own; all of them for who manages accounts. Never their texts.
    List,
    /// Make one; its text is told this once.
    Create {
        /// Whose; one's own without a name.
        #[arg(long)]
        account: Option<String>,
        /// What it is for.
        #[arg(long)]
        name: Option<String>,
        /// How many seconds it is worth something; for ever without a number.
        #[arg(long)]
        expires_in: Option<u64>,
    },
    /// Take one back.
    Delete {
        /// Its id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pool {
    /// All pools with how full they are.
    List,
    /// One pool: its space drawn, and what is held.
    Show {
        /// Name or id.
        name: String,
    },
    /// How full a pool is, resource by resource.
    Utilization {
        /// Name or id.
        name: String,
    },
    /// Draw from a pool.
    Allocate(Draw),
    /// What a draw would give; nothing is taken.
    Peek(Draw),
    /// Why the next value is what it is; with `--value`, who has it.
    Explain(Draw),
    /// Give back what an identifier holds.
    Release {
        /// Name or id.
        name: String,
        /// The identifier.
        identifier: String,
        /// Why, for whoever asks later.
        #[arg(long, default_value = "")]
        why: String,
    },
    /// How many more there is room for; nothing is kept.
    Forecast {
        /// What is drawn each time, where no generator is named.
        #[command(flatten)]
        draw: Draw,
        /// The generator: after how many more instances the pool is full.
        #[arg(long)]
        definition: Option<String>,
    },
    /// Pools that became nearly full, or stopped being so.
    Alerts,
}

#[derive(Debug, Args)]
pub(crate) struct Draw {
    /// Name or id of the pool.
    pub(crate) name: String,
    /// Same identifier, same resource.
    #[arg(long)]
    pub(crate) identifier: Option<String>,
    /// This value and no other.
    #[arg(long)]
    pub(crate) value: Option<String>,
    /// Prefix length.
    #[arg(long)]
    pub(crate) length: Option<u8>,
    /// Kind of the object that is made.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// How many; all or none.
    #[arg(long, default_value_t = 1)]
    pub(crate) count: usize,
    /// The division, for a pool with a scope: `site=fra1`. Once for each element.
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// Numbers in a row.
    #[arg(long)]
    pub(crate) block: Option<u32>,
    /// The number, or the first in a row, is a multiple of this.
    #[arg(long)]
    pub(crate) align: Option<u32>,
    /// When it ends by itself: `2026-12-31T00:00:00Z`.
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// Only set it aside for the identifier; no object is made.
    #[arg(long)]
    pub(crate) set_aside: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Generator {
    /// Upload what a folder's `generator.yml` names, and register it.
    Push {
        /// The folder.
        folder: PathBuf,
        /// Where components lie, if not in the folder.
        #[arg(long)]
        components: Option<PathBuf>,
    },
    /// List definitions.
    List,
    /// Run.
    Run {
        /// Definition.
        name: String,
        /// Target; all members of the group without one.
        #[arg(long)]
        target: Option<String>,
        /// Show what would change, and keep nothing.
        #[arg(long)]
        plan: bool,
    },
    /// The newest runs, and how they ended.
    Runs {
        /// Those that are under way instead.
        #[arg(long)]
        under_way: bool,
        /// Runs at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// All that is known of one run: how it ended, its report and its log.
    Report {
        /// Id of the run.
        run: String,
    },
    /// End a run under way; it keeps nothing.
    Cancel {
        /// Id of the run.
        run: String,
    },
    /// Instances, or one with what it holds.
    Show {
        /// Instance: its id, or `definition: target`.
        instance: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Folder of the package.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Where the components go; the folder itself without it.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Where cargo works; its own choice without it.
    #[arg(long)]
    pub(crate) target_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LocalRun {
    /// The component.
    pub(crate) component: PathBuf,
    /// Folder with `schema.yml`, `data.yml`, `generator.yml` and its queries; the component's own
    /// without it.
    #[arg(long, conflicts_with_all = ["fixture", "definition"])]
    pub(crate) folder: Option<PathBuf>,
    /// Recorded answers: `{"answer": .., "objects": [..], "documents": {..}, "pools": {..}}`.
    #[arg(long, conflicts_with_all = ["definition", "target"])]
    pub(crate) fixture: Option<PathBuf>,
    /// A definition of the server, or of the data folder, that the component is tried for.
    #[arg(long)]
    pub(crate) definition: Option<String>,
    /// A data folder to plan against; no server may have it open.
    #[arg(long, requires = "definition")]
    pub(crate) data: Option<PathBuf>,
    /// Target; all members of the group without one.
    #[arg(long)]
    pub(crate) target: Option<String>,
}
