//! Root fields that are not about objects of a kind, in the public names: the host answers them.

/// Types and inputs.
pub(super) const TYPES: &str = r#"
"Version and identity of this installation"
type Info { deployment_id: String! version: String! }
type StatusSummary { schema_hash_synced: Boolean! active_workers: Int! }
type StatusWorker { id: String! active: Boolean! schema_hash: String }
type StatusWorkerEdge { node: StatusWorker! }
type StatusWorkerEdges { count: Int! edges: [StatusWorkerEdge!]! }
type Status { summary: StatusSummary! workers: StatusWorkerEdges! }

"A resource that a pool has handed out"
type PoolAllocatedNode { id: String! display_label: String! kind: String! branch: String! identifier: String }
type PoolAllocatedEdge { node: PoolAllocatedNode! }
type PoolAllocated { count: Int! edges: [PoolAllocatedEdge!]! }
"How full one resource of a pool is, in per cent; the weight is its size"
type IPPoolUtilizationResource { id: String! display_label: String! kind: String! weight: BigInt! utilization: Float! utilization_branches: Float! utilization_default_branch: Float! }
type IPPrefixUtilizationEdge { node: IPPoolUtilizationResource! }
type PoolUtilization { count: Int! utilization: Float! utilization_branches: Float! utilization_default_branch: Float! edges: [IPPrefixUtilizationEdge!]! }
type IPAddressGetNextAvailable { address: String! }
type IPPrefixGetNextAvailable { prefix: String! }
input IPPrefixPoolGetResourceInput { id: String hfid: [String] identifier: String prefix_length: Int member_type: String prefix_type: String data: GenericScalar }
input IPAddressPoolGetResourceInput { id: String hfid: [String] identifier: String prefix_length: Int address_type: String prefix_type: String data: GenericScalar }
type IPPrefixPoolGetResource { ok: Boolean node: PoolAllocatedNode }
type IPAddressPoolGetResource { ok: Boolean node: PoolAllocatedNode }

enum BranchStatus { OPEN NEED_REBASE NEED_UPGRADE_REBASE DELETING MERGING MERGE_FAILED MERGED }
type Branch { id: String! name: String! description: String origin_branch: String branched_from: String created_at: String sync_with_git: Boolean is_default: Boolean is_isolated: Boolean has_schema_changes: Boolean graph_version: Int status: BranchStatus! }
input BranchCreateInput { id: String name: String! description: String branched_from: String sync_with_git: Boolean is_isolated: Boolean }
input BranchUpdateInput { name: String! description: String is_isolated: Boolean }
input BranchDeleteInput { name: String! }
type BranchCreate { ok: Boolean object: Branch task: TaskInfo }
type BranchUpdate { ok: Boolean }
type BranchDelete { ok: Boolean task: TaskInfo }

enum StateType { SCHEDULED PENDING RUNNING COMPLETED FAILED CANCELLED CRASHED PAUSED CANCELLING }
type TaskInfo { id: String }
type TaskRelatedNode { id: String! kind: String! }
type TaskLog { id: String message: String severity: String task_id: String timestamp: DateTime }
type TaskLogEdge { node: TaskLog }
type TaskLogEdges { count: Int edges: [TaskLogEdge] }
type TaskError { status_class: String message: String remediation: String }
type TaskAction { action: String available: Boolean unavailability_reason: String }
"A run, as tasks are told"
type TaskNode { id: String! title: String! conclusion: String state: StateType progress: Float workflow: String branch: String created_at: String! updated_at: String! start_time: String parameters: GenericScalar tags: [String] related_node: String related_node_kind: String related_nodes: [TaskRelatedNode] logs: TaskLogEdges available_actions: [TaskAction] error: TaskError }
type TaskNodes { node: TaskNode }
type Tasks { count: Int edges: [TaskNodes!]! }
input GeneratorDefinitionRequestRunInput { id: String! nodes: [String!] }
type GeneratorDefinitionRequestRun { ok: Boolean task: TaskInfo }

type RelationshipPeer { id: String kind: String }
type RelationshipNode { identifier: String peers: [RelationshipPeer] }
type RelationshipEdge { node: RelationshipNode }
type Relationships { count: Int edges: [RelationshipEdge!]! }
type NodeFound { id: String! kind: String! }
type NodeFoundEdge { node: NodeFound! }
type NodesFound { count: Int! edges: [NodeFoundEdge!]! }
"#;

/// Queries.
pub(super) const QUERIES: &str = "
  InfrahubInfo: Info!
  InfrahubStatus: Status!
  Branch(ids: [ID] name: String): [Branch!]!
  InfrahubResourcePoolAllocated(pool_id: String! resource_id: String! limit: Int = 10 offset: Int = 0): PoolAllocated!
  InfrahubResourcePoolUtilization(pool_id: String!): PoolUtilization!
  InfrahubIPAddressGetNextAvailable(prefix_id: String! prefix_length: Int): IPAddressGetNextAvailable!
  InfrahubIPPrefixGetNextAvailable(prefix_id: String! prefix_length: Int): IPPrefixGetNextAvailable!
  IPAddressGetNextAvailable(prefix_id: String! prefix_length: Int): IPAddressGetNextAvailable!
  IPPrefixGetNextAvailable(prefix_id: String! prefix_length: Int): IPPrefixGetNextAvailable!
  InfrahubTask(limit: Int offset: Int related_node__ids: [String] branch: String state: [StateType] workflow: [String] ids: [String] q: String log_limit: Int log_offset: Int): Tasks!
  InfrahubSearchAnywhere(q: String! limit: Int = 10 partial_match: Boolean = true): NodesFound!
  Relationship(ids: [String!]! excluded_namespaces: [String] limit: Int offset: Int): Relationships!
";

/// Mutations.
pub(super) const MUTATIONS: &str = "
  InfrahubIPPrefixPoolGetResource(context: ContextInput data: IPPrefixPoolGetResourceInput!): IPPrefixPoolGetResource
  InfrahubIPAddressPoolGetResource(context: ContextInput data: IPAddressPoolGetResourceInput!): IPAddressPoolGetResource
  IPPrefixPoolGetResource(context: ContextInput data: IPPrefixPoolGetResourceInput!): IPPrefixPoolGetResource
  IPAddressPoolGetResource(context: ContextInput data: IPAddressPoolGetResourceInput!): IPAddressPoolGetResource
  BranchCreate(context: ContextInput data: BranchCreateInput! wait_until_completion: Boolean background_execution: Boolean): BranchCreate
  BranchUpdate(context: ContextInput data: BranchUpdateInput!): BranchUpdate
  BranchDelete(context: ContextInput data: BranchDeleteInput! wait_until_completion: Boolean): BranchDelete
  CoreGeneratorDefinitionRun(context: ContextInput data: GeneratorDefinitionRequestRunInput! wait_until_completion: Boolean = true): GeneratorDefinitionRequestRun
";
