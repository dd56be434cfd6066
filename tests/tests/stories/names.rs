//! The names that published clients, documents and code generators lean on: types, their fields, the
//! arguments and inputs of the stock kinds. One that is missing is told by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::mutations::done;
use crate::support::service;

/// Fields of types, values of enumerations, fields of inputs.
const MEMBERS: &str = "
TextAttribute: id value is_default is_protected is_from_profile updated_at updated_by source owner permissions
NumberAttribute: id value is_default is_protected is_from_profile updated_at source owner
CheckboxAttribute: value is_default
ListAttribute: value
JSONAttribute: value
AnyAttribute: value
Dropdown: value label color description
IPHost: value ip hostmask netmask prefixlen version with_hostmask with_netmask
IPNetwork: value broadcast_address hostmask netmask prefixlen num_addresses version with_hostmask with_netmask
MacAddress: value oui ei version binary eui48 eui64 bare dot_notation semicolon_notation split_notation
RelationshipProperty: is_protected updated_at updated_by source owner
TextAttributeCreate: value is_protected source owner
TextAttributeUpdate: value is_default is_protected source owner
NumberAttributeCreate: value from_pool is_protected source owner
NumberAttributeUpdate: value from_pool is_default is_protected source owner
CheckboxAttributeCreate: value
ListAttributeUpdate: value
JSONAttributeUpdate: value
AnyAttributeCreate: value
GenericPoolInput: id identifier data
IPAddressPoolInput: id identifier data prefixlen
IPPrefixPoolInput: id identifier data size member_type prefix_type
RelatedNodeInput: id hfid kind from_pool _relation__is_protected _relation__owner _relation__source
RelatedIPAddressNodeInput: id hfid from_pool
RelatedIPPrefixNodeInput: id hfid from_pool
DeleteInput: id hfid
ContextInput: account
OrderInput: disable by node_metadata
OrderByItem: field direction
OrderDirection: ASC DESC
RelationshipNodesInput: id name nodes
IPPrefixPoolGetResourceInput: id hfid identifier prefix_length member_type prefix_type data
IPAddressPoolGetResourceInput: id hfid identifier prefix_length address_type prefix_type data
IPPrefixPoolGetResource: ok node
PoolAllocatedNode: id display_label kind branch identifier
PoolAllocated: count edges
PoolUtilization: count utilization utilization_branches utilization_default_branch edges
IPPoolUtilizationResource: id display_label kind weight utilization utilization_branches utilization_default_branch
IPAddressGetNextAvailable: address
IPPrefixGetNextAvailable: prefix
Branch: id name description origin_branch branched_from is_default sync_with_git has_schema_changes schema_differs_from_default_branch graph_version status created_at
BranchStatus: OPEN NEED_REBASE NEED_UPGRADE_REBASE DELETING MERGING MERGE_FAILED MERGED
BranchCreateInput: id name description origin_branch branched_from sync_with_git is_isolated
BranchDeleteInput: name delete_from_git
BranchCreate: ok object task
InfrahubBranchType: count edges default_branch
Info: deployment_id version
Status: summary workers
StatusSummary: schema_hash_synced
StatusWorker: id active schema_hash
TaskLogEdge: count edges
TaskLogNodes: node
Tasks: count edges
TaskInfo: id
TaskAction: action available unavailability_reason
TaskError: status_class message remediation
WebhookDeliveryTask: id title http_request http_response
HttpRequest: url headers
HttpResponse: status_code body latency_ms
InfrahubTaskRetry: ok task
InfrahubTaskCancel: ok task
GraphQLQueryReport: targets_unique_nodes
InfrahubRelationshipMetadata: created_at created_by updated_at updated_by
InfrahubNodeMetadata: created_at created_by updated_at updated_by
NestedEdgedBuiltinTag: node properties node_metadata relationship_metadata _updated_at
NestedPaginatedBuiltinTag: count edges permissions
DiffTree: base_branch diff_branch from_time to_time name num_added num_updated num_removed num_conflicts num_untracked_base_changes num_untracked_diff_changes nodes
DiffTreeSummary: base_branch diff_branch from_time to_time num_added num_updated num_removed num_unchanged num_conflicts
DiffNode: uuid kind label status contains_conflict last_changed_at parent attributes relationships num_added num_updated num_removed num_conflicts path_identifier conflict
DiffAttribute: name status properties contains_conflict conflict num_added num_updated num_removed num_conflicts
DiffProperty: property_type previous_value new_value previous_label new_label status path_identifier conflict last_changed_at
DiffRelationship: name label status cardinality elements contains_conflict num_added num_updated num_removed num_conflicts
DiffSingleRelationship: status peer_id peer_label properties conflict num_added num_updated num_removed num_conflicts
ConflictDetails: uuid base_branch_action base_branch_value diff_branch_action diff_branch_value selected_branch resolvable
DiffAction: ADDED REMOVED UPDATED UNCHANGED
DiffTreeQueryFilters: ids status kind namespace
DiffUpdateInput: branch name from_time to_time
DiffUpdateMutation: ok task
ResolveDiffConflictInput: conflict_id selected_branch
ConflictSelection: BASE_BRANCH DIFF_BRANCH
BranchNameInput: name
BranchUpdateInput: name description
CheckType: ARTIFACT DATA GENERATOR REPOSITORY SCHEMA TEST USER ALL
ProposedChangeReviewInput: id decision
ProposedChangeApprovalDecision: APPROVE REJECT CANCEL_APPROVE CANCEL_REJECT
EventTypeFilter: branch_merged branch_rebased
EventNodeInterface: id event branch account_id occurred_at level primary_node related_nodes has_children parent_id
AccountTokenEdges: count edges
AccountTokenNode: id name expiration
InfrahubAccountTokenCreate: ok object
InfrahubAccountTokenType: id token
ProfileBuiltinTag: profile_name profile_priority description related_nodes member_of_groups subscriber_of_groups
ProfileIpamNamespace: profile_name profile_priority description related_nodes
ProfileBuiltinIPPrefix: profile_name profile_priority prefix description member_type is_pool related_nodes
ProfileBuiltinIPAddress: profile_name profile_priority address description related_nodes
CoreProfile: profile_name profile_priority
TaskNode: id title conclusion state progress workflow branch created_at updated_at start_time parameters tags related_node related_node_kind related_nodes logs
TaskLog: id message severity task_id timestamp
StateType: SCHEDULED PENDING RUNNING COMPLETED FAILED CANCELLED CRASHED PAUSED CANCELLING
Events: count edges
NodeMutatedEvent: id event branch account_id occurred_at level primary_node related_nodes has_children parent_id payload attributes relationships
Relationships: count edges
Relationship: identifier peers
NodeEdges: count edges
GeneratorDefinitionRequestRunInput: id nodes
FieldsMapping: mapping
ConvertObjectTypeInput: node_id target_kind fields_mapping
ConvertObjectType: ok node
SchemaDropdownAddInput: kind attribute dropdown color description label
SchemaDropdownRemoveInput: kind attribute dropdown
SchemaEnumInput: kind attribute enum
AccountPermissionsEdges: global_permissions object_permissions
CoreNode: id hfid display_label
CoreGroup: name label description group_type members subscribers parent children
CoreStandardGroup: name label description group_type members subscribers parent children ancestors descendants
CoreGeneratorGroup: name members
CoreGeneratorAwareGroup: name members
CoreGraphQLQueryGroup: name parameters query members subscribers
CoreGraphQLQuery: name description query variables operations models depth height repository tags
CoreGeneratorDefinition: name description parameters file_path class_name convert_query_response execute_in_proposed_change execute_after_merge query repository targets instances
CoreGeneratorInstance: name status object definition
CoreResourcePool: name description
CoreNumberPool: name description node node_attribute start_range end_range pool_type
CoreIPAddressPool: name description default_address_type default_prefix_length resources ip_namespace
CoreIPPrefixPool: name default_prefix_length default_member_type default_prefix_type resources ip_namespace
CoreWeightedPoolResource: allocation_weight
BuiltinIPNamespace: name description ip_prefixes ip_addresses
IpamNamespace: name description default ip_prefixes ip_addresses profiles
BuiltinIPPrefix: prefix description member_type is_pool is_top_level utilization netmask hostmask network_address broadcast_address ip_namespace ip_addresses resource_pool parent children
BuiltinIPAddress: address description ip_namespace ip_prefix
BuiltinTag: name description member_of_groups subscriber_of_groups
CoreAccount: name label description account_type status member_of_groups
CoreAccountGroup: name roles members
CoreAccountRole: name groups permissions
CoreGlobalPermission: action decision identifier roles
CoreObjectPermission: namespace name action decision identifier roles
CoreArtifact: name status content_type checksum storage_id parameters object definition
CoreArtifactDefinition: name artifact_name description parameters content_type targets transformation
CoreArtifactTarget: artifacts
CoreFileObject: file_name checksum file_size file_type storage_id
CoreGenericRepository: name description location internal_status operational_status sync_status credential queries generators checks transformations tags
CoreRepository: default_branch commit
CoreReadOnlyRepository: ref commit
CorePasswordCredential: name username password
CoreProposedChange: name description source_branch destination_branch state
CoreMenuItem: namespace name label kind path description icon protected order_weight required_permissions section parent children
CoreTransformation: name label description timeout query repository tags
CoreTransformJinja2: template_path
CoreTransformPython: file_path class_name convert_query_response
CoreCheckDefinition: name file_path class_name parameters targets query
CoreGeneratorAction: name generator
CoreNodeTriggerRule: name active branch_scope node_kind mutation_action matches action
CoreNodeTriggerAttributeMatch: attribute_name value value_previous value_match
CoreNodeTriggerRelationshipMatch: relationship_name modification_type peer
CoreGroupTriggerRule: member_update group
LineageOwner: id display_label
LineageSource: id display_label
";

/// Arguments of root fields.
const ARGUMENTS: &str = "
BuiltinTag: offset limit order ids hfid partial_match display_label__value display_label__values display_label__isnull name__value name__values name__isnull name__source__id name__owner__id name__is_protected any__value any__values any__source__id any__owner__id any__is_protected node_metadata__created_by__id node_metadata__created_by__ids node_metadata__updated_by__id node_metadata__updated_by__ids node_metadata__created_at node_metadata__created_at__before node_metadata__created_at__after node_metadata__updated_at node_metadata__updated_at__before node_metadata__updated_at__after member_of_groups__ids member_of_groups__isnull member_of_groups__name__value member_of_groups__name__values member_of_groups__display_label__value member_of_groups__display_label__values member_of_groups__display_label__isnull member_of_groups__name__source__id member_of_groups__name__owner__id member_of_groups__name__is_protected
CoreNode: ids offset limit
CoreGroup: name__value ids
CoreGenericRepository: name__value
CoreArtifact: name__value object__ids
CoreArtifactDefinition: ids artifact_name__value
CoreProposedChange: source_branch__value
Branch: ids name
InfrahubBranch: offset limit name__value ids partial_match order status__value branched_from__after branched_from__before
InfrahubResourcePoolAllocated: pool_id resource_id limit offset
InfrahubResourcePoolUtilization: pool_id
InfrahubIPAddressGetNextAvailable: prefix_id prefix_length
InfrahubIPPrefixGetNextAvailable: prefix_id prefix_length
InfrahubTask: limit offset related_node__ids branch state workflow ids q log_limit log_offset
InfrahubTaskBranchStatus: branch
InfrahubTaskRetry: data
InfrahubTaskCancel: data
InfrahubGraphQLQueryReport: query
InfrahubAccountToken: limit offset
InfrahubAccountTokenCreate: data
InfrahubAccountTokenDelete: data
InfrahubAccountSelfUpdate: data
ProfileBuiltinTag: ids profile_name__value
ProfileBuiltinIPPrefix: ids profile_name__value
ProfileBuiltinTagUpsert: context data
DiffTree: branch name from_time to_time root_node_uuids include_parents filters limit offset proposed_change_id
DiffTreeSummary: branch name from_time to_time filters
DiffUpdate: data wait_until_completion
ResolveDiffConflict: data
BranchMerge: data wait_until_completion
BranchRebase: data wait_until_completion
BranchValidate: data wait_until_completion
CoreProposedChangeRunCheck: data
CoreProposedChangeMerge: data
CoreProposedChangeReview: data
CoreProposedChangeAvailableActions: proposed_change_id
InfrahubEvent: limit offset level has_children event_type event_type_filter primary_node__ids related_node__ids parent__ids since until branches account__ids ids order
InfrahubSearchAnywhere: q limit partial_match case_sensitive
Relationship: ids excluded_namespaces limit offset
InfrahubInfo:
InfrahubStatus:
AccountProfile:
InfrahubPermissions:
BuiltinTagCreate: context data
BuiltinTagUpdate: context data
BuiltinTagUpsert: context data
BuiltinTagDelete: context data
CoreStandardGroupUpsert: context data
CoreGeneratorGroupUpsert: context data
CoreMenuItemUpsert: context data
CoreGroupUpdate: context data
RelationshipAdd: data
RelationshipRemove: data
BranchCreate: data wait_until_completion
BranchDelete: data
BranchUpdate: data
InfrahubIPPrefixPoolGetResource: data
InfrahubIPAddressPoolGetResource: data
IPPrefixPoolGetResource: data
IPAddressPoolGetResource: data
CoreGeneratorDefinitionRun: data wait_until_completion
SchemaDropdownAdd: data
SchemaDropdownRemove: data
SchemaEnumAdd: data
SchemaEnumRemove: data
";

fn lines(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    text.trim().lines().map(|line| {
        let (name, members) = line.split_once(':').unwrap();
        (name, members.split_whitespace().collect())
    })
}

fn names(list: &Json) -> BTreeSet<String> {
    let name = |one: &Json| one["name"].as_str().unwrap().to_owned();
    list.as_array().into_iter().flatten().map(name).collect()
}

#[test]
fn no_name_that_clients_lean_on_is_missing() {
    let service = service();
    let data = done(
        &service,
        "{ __schema { types { name fields { name } inputFields { name } enumValues { name } } \
         queryType { fields { name args { name } } } mutationType { fields { name args { name } } } \
         directives { name locations args { name } } } }",
    );
    let schema = &data["__schema"];
    let mut missing = Vec::new();
    let types: BTreeMap<String, BTreeSet<String>> = schema["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let all = ["fields", "inputFields", "enumValues"].map(|part| names(&one[part]));
            (one["name"].as_str().unwrap().to_owned(), all.into_iter().flatten().collect())
        })
        .collect();
    for (name, members) in lines(MEMBERS) {
        match types.get(name) {
            None => missing.push(name.to_owned()),
            Some(known) => {
                let lost = members.into_iter().filter(|member| !known.contains(*member));
                missing.extend(lost.map(|member| format!("{name}.{member}")));
            }
        }
    }
    let mut roots = BTreeMap::new();
    for part in ["queryType", "mutationType"] {
        for field in schema[part]["fields"].as_array().unwrap() {
            roots.insert(field["name"].as_str().unwrap().to_owned(), names(&field["args"]));
        }
    }
    for (name, arguments) in lines(ARGUMENTS) {
        match roots.get(name) {
            None => missing.push(format!("{name}()")),
            Some(known) => {
                let lost = arguments.into_iter().filter(|argument| !known.contains(*argument));
                missing.extend(lost.map(|argument| format!("{name}({argument})")));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    // Every stock kind has its inputs, edges and pages under the public names.
    for kind in ["BuiltinTag", "CoreStandardGroup", "CoreNumberPool", "IpamNamespace"] {
        for name in [
            format!("Paginated{kind}"),
            format!("Edged{kind}"),
            format!("NestedPaginated{kind}"),
            format!("NestedEdged{kind}"),
            format!("{kind}CreateInput"),
            format!("{kind}UpdateInput"),
            format!("{kind}UpsertInput"),
            format!("{kind}Create"),
            format!("{kind}Upsert"),
            format!("{kind}Delete"),
        ] {
            assert!(types.contains_key(&name), "{name}");
        }
    }
    let expand =
        schema["directives"].as_array().unwrap().iter().find(|one| one["name"] == "expand");
    let places = expand.unwrap()["locations"].to_string();
    assert!(
        ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"].iter().all(|place| places.contains(place))
    );
}

/// Names that the references have and the types have not, each with the reason. All others are there.
const ABSENT: &str = "
InfrahubPathTraversal InfrahubReachableNodes PathTraversalInput ReachableNodesInput: the contract says to leave them out, and the client tells an older server by the error
InfrahubUpdateComputedAttribute InfrahubRecomputeComputedAttribute InfrahubProfilesRefresh InfrahubUpdateDisplayLabel InfrahubUpdateHFID: what they set going is settled in every commit
";

/// Words in code letters that look like names of the dialect and are none: classes of the client, a kind of
/// its users.
const OTHER: [&str; 5] =
    ["InfrahubCheck", "InfrahubGenerator", "InfrahubTransform", "IpamIPAddress", "SchemaRootAPI"];

/// Every name of the references that belongs to the dialect by its form: it begins as those do.
fn named(text: &str) -> BTreeSet<String> {
    const BEGINNINGS: [&str; 14] = [
        "Infrahub",
        "Branch",
        "Diff",
        "Core",
        "Builtin",
        "Ipam",
        "Lineage",
        "Profile",
        "Relationship",
        "Schema",
        "IPPrefix",
        "IPAddress",
        "ConvertObject",
        "FieldsMapping",
    ];
    let quoted = text.split('`').skip(1).step_by(2);
    let words =
        quoted.flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words
        .filter(|word| {
            BEGINNINGS.iter().any(|begin| word.starts_with(begin) && word.len() > begin.len())
        })
        .filter(|word| !word.ends_with("Error") && !OTHER.contains(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_name_of_the_references_is_there_or_is_said_to_be_absent() {
    let folder = crate::support::root().join("../shared/reference");
    let mut names = BTreeSet::new();
    for (file, from, to) in [
        ("sdk-contract.md", "## 4.", "## 17."),
        ("infrahub.md", "## 2. GraphQL surface", "## 3. Generators"),
        ("real-world.md", "## 7.", "## 8."),
    ] {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
            println!("skipped: the public references are not beside this checkout");
            return;
        };
        let part = text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap().0;
        names.extend(named(part));
    }
    assert!(names.len() > 80, "{names:?}");
    let service = service();
    let data = done(
        &service,
        "{ __schema { types { name } queryType { fields { name } } mutationType { fields { name } } } }",
    );
    let mut known = self::names(&data["__schema"]["types"]);
    known.extend(self::names(&data["__schema"]["queryType"]["fields"]));
    known.extend(self::names(&data["__schema"]["mutationType"]["fields"]));
    let absent: BTreeSet<&str> =
        names.iter().map(String::as_str).filter(|name| !known.contains(*name)).collect();
    let said: BTreeSet<&str> = ABSENT
        .trim()
        .lines()
        .flat_map(|line| line.split(':').next().unwrap_or_default().split_whitespace())
        .collect();
    let unsaid: Vec<&&str> = absent.difference(&said).collect();
    assert!(unsaid.is_empty(), "absent, and nobody says why: {unsaid:#?}");
    let there: Vec<&&str> = said.iter().filter(|name| known.contains(**name)).collect();
    assert!(there.is_empty(), "said to be absent: {there:?}");
}
