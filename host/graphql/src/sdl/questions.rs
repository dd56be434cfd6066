//! Root fields about who asks, what happened, branches in pages, choices in the schema, and objects that
//! become ones of another kind, in the public names: the host answers them.

/// Types and inputs.
pub(super) const TYPES: &str = r#"
type AccountGlobalPermissionNode { id: String! display_label: String! description: String name: String! action: String! decision: String! identifier: String! }
type AccountGlobalPermissionEdge { node: AccountGlobalPermissionNode! }
type AccountGlobalPermissionEdges { count: Int! edges: [AccountGlobalPermissionEdge!]! }
type AccountObjectPermissionNode { id: String! display_label: String! description: String namespace: String! name: String! action: String! decision: String! identifier: String! }
type AccountObjectPermissionEdge { node: AccountObjectPermissionNode! }
type AccountObjectPermissionEdges { count: Int! edges: [AccountObjectPermissionEdge!]! }
"What the account that asks may do"
type AccountPermissionsEdges { global_permissions: AccountGlobalPermissionEdges object_permissions: AccountObjectPermissionEdges }

type AccountTokenNode { id: String! name: String expiration: DateTime }
type AccountTokenEdge { node: AccountTokenNode! }
"The tokens of the account that asks; never their texts"
type AccountTokenEdges { count: Int! edges: [AccountTokenEdge!]! }
input InfrahubAccountTokenCreateInput { name: String expiration: String }
input InfrahubAccountTokenDeleteInput { id: String }
input InfrahubAccountUpdateSelfInput { password: String description: String }
type ValueType { value: String! }
"A new token; its text is told this once"
type InfrahubAccountTokenType { id: String! token: ValueType }
type InfrahubAccountTokenCreate { ok: Boolean object: InfrahubAccountTokenType }
type InfrahubAccountTokenDelete { ok: Boolean }
type InfrahubAccountSelfUpdate { ok: Boolean }

type RequiredStringValueField { value: String! }
type NonRequiredStringValueField { value: String }
type NonRequiredIntValueField { value: Int }
type NonRequiredBooleanValueField { value: Boolean }
type StatusField { value: BranchStatus! }
type InfrahubBranch { id: String! name: RequiredStringValueField! description: NonRequiredStringValueField origin_branch: NonRequiredStringValueField branched_from: NonRequiredStringValueField status: StatusField! graph_version: NonRequiredIntValueField created_at: String sync_with_git: NonRequiredBooleanValueField is_default: NonRequiredBooleanValueField is_isolated: NonRequiredBooleanValueField has_schema_changes: NonRequiredBooleanValueField schema_differs_from_default_branch: NonRequiredBooleanValueField }
type InfrahubBranchEdge { node: InfrahubBranch! node_metadata: InfrahubNodeMetadata! }
type InfrahubBranchType { count: Int edges: [InfrahubBranchEdge!]! "The default branch, whatever the filters say" default_branch: InfrahubBranch! }
input MetadataOrderInput { node_metadata: InfrahubNodeMetadataOrder }

type RelatedNode { id: String! kind: String! }
enum EventSortOrder { ASC DESC }
input BranchEventTypeFilter { branches: [String!]! }
input EventTypeFilter { branch_merged: BranchEventTypeFilter branch_rebased: BranchEventTypeFilter }
"Something that happened; the level is 0 for all"
interface EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String }
type InfrahubMutatedAttribute { name: String! action: DiffAction! value: String kind: String! value_previous: String }
type InfrahubMutatedRelationship { name: String! action: DiffAction! peer: RelatedNode! }
type NodeMutatedEvent implements EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String payload: GenericScalar! attributes: [InfrahubMutatedAttribute!]! relationships: [InfrahubMutatedRelationship!]! }
type BranchCreatedEvent implements EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String payload: GenericScalar! created_branch: String! }
type BranchDeletedEvent implements EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String payload: GenericScalar! deleted_branch: String! }
type BranchMergedEvent implements EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String payload: GenericScalar! source_branch: String! }
type BranchRebasedEvent implements EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String payload: GenericScalar! rebased_branch: String! }
type StandardEvent implements EventNodeInterface { id: String! event: String! branch: String account_id: String occurred_at: DateTime! level: Int! primary_node: RelatedNode related_nodes: [RelatedNode!]! has_children: Boolean! parent_id: String payload: GenericScalar! }
type EventNodes { node: EventNodeInterface }
type Events { count: Int! edges: [EventNodes!]! }

"What of one kind comes along when an object becomes one of another: of each field of the target `is_mandatory`, `source_field_name` and, of a relationship, `relationship_cardinality`"
type FieldsMapping { mapping: GenericScalar! }
"`fields_mapping`: by field of the target one of `{source_field}`, `{data: {attribute_value | peer_id | peers_ids}}`, `{use_default_value: true}`"
input ConvertObjectTypeInput { node_id: String! target_kind: String! fields_mapping: GenericScalar! }
type ConvertObjectType { ok: Boolean node: GenericScalar }

type DropdownFields { value: String label: String color: String description: String }
input SchemaDropdownAddInput { kind: String! attribute: String! dropdown: String! color: String description: String label: String }
input SchemaDropdownRemoveInput { kind: String! attribute: String! dropdown: String! }
input SchemaEnumInput { kind: String! attribute: String! enum: String! }
type SchemaDropdownAdd { ok: Boolean object: DropdownFields }
type SchemaDropdownRemove { ok: Boolean }
type SchemaEnumAdd { ok: Boolean }
type SchemaEnumRemove { ok: Boolean }
"#;

/// Queries.
pub(super) const QUERIES: &str = "
  AccountProfile: CoreGenericAccount
  InfrahubPermissions: AccountPermissionsEdges
  InfrahubAccountToken(limit: Int offset: Int): AccountTokenEdges!
  InfrahubBranch(offset: Int limit: Int name__value: String ids: [ID] partial_match: Boolean = false order: MetadataOrderInput status__value: BranchStatus node_metadata__created_by__id: ID branched_from__after: DateTime branched_from__before: DateTime node_metadata__created_at__after: DateTime node_metadata__created_at__before: DateTime node_metadata__updated_at__after: DateTime node_metadata__updated_at__before: DateTime): InfrahubBranchType!
  InfrahubEvent(limit: Int offset: Int level: Int has_children: Boolean event_type: [String!] event_type_filter: EventTypeFilter primary_node__ids: [String!] related_node__ids: [String!] parent__ids: [String!] since: DateTime until: DateTime branches: [String!] account__ids: [String!] ids: [String!] order: EventSortOrder = DESC): Events!
  FieldsMappingTypeConversion(source_kind: String target_kind: String branch: String): FieldsMapping!
";

/// Mutations.
pub(super) const MUTATIONS: &str = "
  InfrahubAccountTokenCreate(data: InfrahubAccountTokenCreateInput!): InfrahubAccountTokenCreate
  InfrahubAccountTokenDelete(data: InfrahubAccountTokenDeleteInput!): InfrahubAccountTokenDelete
  InfrahubAccountSelfUpdate(data: InfrahubAccountUpdateSelfInput!): InfrahubAccountSelfUpdate
  ConvertObjectType(context: ContextInput data: ConvertObjectTypeInput!): ConvertObjectType
  SchemaDropdownAdd(context: ContextInput data: SchemaDropdownAddInput!): SchemaDropdownAdd
  SchemaDropdownRemove(context: ContextInput data: SchemaDropdownRemoveInput!): SchemaDropdownRemove
  SchemaEnumAdd(context: ContextInput data: SchemaEnumInput!): SchemaEnumAdd
  SchemaEnumRemove(context: ContextInput data: SchemaEnumInput!): SchemaEnumRemove
";
