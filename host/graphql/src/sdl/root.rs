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
input IPPrefixPoolGetResourceInput { id: String hfid: [String] identifier: String prefix_length: Int member_type: String prefix_type: String data: FixedGenericScalar }
input IPAddressPoolGetResourceInput { id: String hfid: [String] identifier: String prefix_length: Int address_type: String prefix_type: String data: FixedGenericScalar }
type IPPrefixPoolGetResource { ok: Boolean node: PoolAllocatedNode }
type IPAddressPoolGetResource { ok: Boolean node: PoolAllocatedNode }

enum BranchStatus { OPEN NEED_REBASE NEED_UPGRADE_REBASE DELETING MERGING MERGE_FAILED MERGED }
type Branch { id: String! name: String! description: String origin_branch: String branched_from: String created_at: String sync_with_git: Boolean is_default: Boolean is_isolated: Boolean has_schema_changes: Boolean schema_differs_from_default_branch: Boolean graph_version: Int status: BranchStatus! }
input BranchCreateInput { id: String name: String! description: String origin_branch: String branched_from: String sync_with_git: Boolean is_isolated: Boolean }
input BranchUpdateInput { name: String! description: String is_isolated: Boolean }
input BranchDeleteInput { name: String! delete_from_git: Boolean = false }
type BranchCreate { ok: Boolean object: Branch task: TaskInfo }
type BranchUpdate { ok: Boolean }
type BranchDelete { ok: Boolean task: TaskInfo }
input BranchNameInput { name: String }
type BranchMerge { ok: Boolean object: Branch task: TaskInfo }
type BranchRebase { ok: Boolean object: Branch task: TaskInfo }
type BranchValidate { ok: Boolean object: Branch messages: [String] task: TaskInfo }
input ResolveDiffConflictInput { conflict_id: String! selected_branch: ConflictSelection }
type ResolveDiffConflict { ok: Boolean }

enum CheckType { ARTIFACT DATA GENERATOR REPOSITORY SCHEMA TEST USER ALL }
enum ProposedChangeApprovalDecision { APPROVE REJECT CANCEL_APPROVE CANCEL_REJECT }
input ProposedChangeRequestRunCheckInput { id: String! check_type: CheckType = ALL }
input ProposedChangeMergeInput { id: String! }
input ProposedChangeReviewInput { id: String! decision: ProposedChangeApprovalDecision! }
type ProposedChangeRequestRunCheck { ok: Boolean }
type ProposedChangeMerge { ok: Boolean task: TaskInfo }
type ProposedChangeReview { ok: Boolean }
type ActionAvailability { action: String! available: Boolean! unavailability_reason: String }
type ActionAvailabilityEdge { node: ActionAvailability! }
type AvailableActions { count: Int! edges: [ActionAvailabilityEdge!]! }

enum DiffAction { ADDED REMOVED UPDATED UNCHANGED }
enum RelationshipCardinality { ONE MANY }
enum ConflictSelection { BASE_BRANCH DIFF_BRANCH }
"Both sides changed the same"
type ConflictDetails { uuid: String base_branch_action: DiffAction base_branch_value: String base_branch_changed_at: DateTime base_branch_label: String diff_branch_action: DiffAction diff_branch_value: String diff_branch_label: String diff_branch_changed_at: DateTime selected_branch: ConflictSelection resolvable: Boolean }
type DiffProperty { property_type: String! last_changed_at: DateTime previous_value: String new_value: String previous_label: String new_label: String status: DiffAction! path_identifier: String! conflict: ConflictDetails }
type DiffAttribute { name: String! last_changed_at: DateTime status: DiffAction! num_added: Int num_updated: Int num_removed: Int num_unchanged: Int num_conflicts: Int path_identifier: String! properties: [DiffProperty!] contains_conflict: Boolean! conflict: ConflictDetails }
type DiffSingleRelationship { last_changed_at: DateTime status: DiffAction! peer_id: String! peer_label: String num_added: Int num_updated: Int num_removed: Int num_unchanged: Int num_conflicts: Int path_identifier: String! contains_conflict: Boolean! conflict: ConflictDetails properties: [DiffProperty!] }
type DiffRelationship { name: String! label: String last_changed_at: DateTime cardinality: RelationshipCardinality! status: DiffAction! num_added: Int num_updated: Int num_removed: Int num_unchanged: Int num_conflicts: Int path_identifier: String! elements: [DiffSingleRelationship!]! contains_conflict: Boolean! }
type DiffNodeParent { uuid: String! kind: String relationship_name: String }
type DiffNode { uuid: String! kind: String! label: String! status: DiffAction! path_identifier: String! conflict: ConflictDetails contains_conflict: Boolean! last_changed_at: DateTime num_added: Int num_updated: Int num_removed: Int num_unchanged: Int num_conflicts: Int parent: DiffNodeParent attributes: [DiffAttribute!]! relationships: [DiffRelationship!]! }
"What a branch changed, object by object"
type DiffTree { name: String base_branch: String! diff_branch: String! from_time: DateTime! to_time: DateTime! num_added: Int num_updated: Int num_removed: Int num_unchanged: Int num_conflicts: Int num_untracked_base_changes: Int num_untracked_diff_changes: Int nodes: [DiffNode!] }
type DiffTreeSummary { base_branch: String! diff_branch: String! from_time: DateTime! to_time: DateTime! num_added: Int num_updated: Int num_removed: Int num_unchanged: Int num_conflicts: Int num_untracked_base_changes: Int num_untracked_diff_changes: Int }
input IncExclFilterStatusOptions { includes: [DiffAction] excludes: [DiffAction] }
input IncExclFilterOptions { includes: [String] excludes: [String] }
input DiffTreeQueryFilters { ids: [String] status: IncExclFilterStatusOptions kind: IncExclFilterOptions namespace: IncExclFilterOptions }
input DiffUpdateInput { branch: String! name: String from_time: DateTime to_time: DateTime wait_for_completion: Boolean }
type DiffUpdateMutation { ok: Boolean task: TaskInfo }

enum StateType { SCHEDULED PENDING RUNNING COMPLETED FAILED CANCELLED CRASHED PAUSED CANCELLING }
type TaskInfo { id: String }
type TaskRelatedNode { id: String! kind: String! }
type TaskLog { id: String message: String severity: String task_id: String timestamp: DateTime }
type TaskLogNodes { node: TaskLog }
type TaskLogEdge { count: Int edges: [TaskLogNodes] }
type TaskError { status_class: String message: String remediation: String }
type TaskAction { action: String available: Boolean unavailability_reason: String }
type HttpRequest { url: String headers: GenericScalar }
type HttpResponse { status_code: Int body: String latency_ms: Float }
"A run, as tasks are told"
interface TaskNode { id: String! title: String! conclusion: String state: StateType progress: Float workflow: String branch: String created_at: String! updated_at: String! start_time: String parameters: GenericScalar tags: [String] related_node: String related_node_kind: String related_nodes: [TaskRelatedNode] logs: TaskLogEdge available_actions: [TaskAction] error: TaskError }
type StandardTask implements TaskNode { id: String! title: String! conclusion: String state: StateType progress: Float workflow: String branch: String created_at: String! updated_at: String! start_time: String parameters: GenericScalar tags: [String] related_node: String related_node_kind: String related_nodes: [TaskRelatedNode] logs: TaskLogEdge available_actions: [TaskAction] error: TaskError }
type WebhookDeliveryTask implements TaskNode { id: String! title: String! conclusion: String state: StateType progress: Float workflow: String branch: String created_at: String! updated_at: String! start_time: String parameters: GenericScalar tags: [String] related_node: String related_node_kind: String related_nodes: [TaskRelatedNode] logs: TaskLogEdge available_actions: [TaskAction] error: TaskError http_request: HttpRequest http_response: HttpResponse }
type TaskNodes { node: TaskNode }
type Tasks { count: Int edges: [TaskNodes!]! }
input GeneratorDefinitionRequestRunInput { id: String! nodes: [String!] }
type GeneratorDefinitionRequestRun { ok: Boolean task: TaskInfo }
input InfrahubTaskRetryInput { id: String! }
input InfrahubTaskCancelInput { id: String! }
type InfrahubTaskRetry { ok: Boolean task: TaskInfo }
type InfrahubTaskCancel { ok: Boolean task: TaskInfo }

"What a query asks for"
type GraphQLQueryReport { "Whether each of its root fields can answer with one object alone" targets_unique_nodes: Boolean! }

type RelationshipPeer { id: String kind: String }
type Relationship { id: String identifier: String peers: [RelationshipPeer!] updated_at: DateTime updated_by: String }
type RelationshipNode { node: Relationship! }
type Relationships { count: Int! edges: [RelationshipNode!]! }
type Node { id: String! kind: String! }
type NodeEdge { node: Node! }
type NodeEdges { count: Int! edges: [NodeEdge!]! }
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
  CoreProposedChangeAvailableActions(proposed_change_id: String!): AvailableActions!
  DiffTree(branch: String name: String from_time: DateTime to_time: DateTime root_node_uuids: [String] include_parents: Boolean = true filters: DiffTreeQueryFilters limit: Int offset: Int proposed_change_id: String): DiffTree
  DiffTreeSummary(branch: String name: String from_time: DateTime to_time: DateTime filters: DiffTreeQueryFilters proposed_change_id: String): DiffTreeSummary
  InfrahubTask(limit: Int offset: Int related_node__ids: [String] branch: String state: [StateType] workflow: [String] ids: [String] q: String log_limit: Int log_offset: Int): Tasks!
  InfrahubTaskBranchStatus(branch: String): Tasks!
  InfrahubGraphQLQueryReport(query: String!): GraphQLQueryReport!
  InfrahubSearchAnywhere(q: String! limit: Int = 10 partial_match: Boolean = true case_sensitive: Boolean = false): NodeEdges!
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
  CoreProposedChangeRunCheck(context: ContextInput data: ProposedChangeRequestRunCheckInput!): ProposedChangeRequestRunCheck
  CoreProposedChangeMerge(context: ContextInput data: ProposedChangeMergeInput! wait_until_completion: Boolean): ProposedChangeMerge
  CoreProposedChangeReview(context: ContextInput data: ProposedChangeReviewInput!): ProposedChangeReview
  DiffUpdate(context: ContextInput data: DiffUpdateInput! wait_until_completion: Boolean): DiffUpdateMutation
  BranchMerge(context: ContextInput data: BranchNameInput! wait_until_completion: Boolean = true): BranchMerge
  BranchRebase(context: ContextInput data: BranchNameInput! wait_until_completion: Boolean = true): BranchRebase
  BranchValidate(context: ContextInput data: BranchNameInput! wait_until_completion: Boolean = true): BranchValidate
  ResolveDiffConflict(context: ContextInput data: ResolveDiffConflictInput!): ResolveDiffConflict
  CoreGeneratorDefinitionRun(context: ContextInput data: GeneratorDefinitionRequestRunInput! wait_until_completion: Boolean = true): GeneratorDefinitionRequestRun
  InfrahubTaskRetry(context: ContextInput data: InfrahubTaskRetryInput!): InfrahubTaskRetry
  InfrahubTaskCancel(context: ContextInput data: InfrahubTaskCancelInput!): InfrahubTaskCancel
";
