//! Executing a query: one pass over root fields, lists as lazy ranges where nothing has to be known
//! of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Field, Operation, SelectionSet};
use apollo_compiler::response::JsonMap;
use branch::{Object, View};
use model::schema::Kind;
use model::{ObjectId, Symbol};

use crate::error::GraphqlError;
use crate::filter::{self, Filters};
use crate::host::{Answer, Host};
use crate::made::Made;
use crate::node;
use crate::order;
use crate::permissions;
use crate::project::project;
use crate::select::{Expand, Merged, Scope};
use crate::write;

use crate::limits::ANSWER_BYTES_MAX;
use crate::limits::VISITED_MAX;

/// Fields of a selection for one concrete kind.
pub(crate) type Shape<'d> = Arc<Vec<Merged<'d>>>;

/// One execution.
pub(crate) struct Execution<'d> {
    pub(crate) view: &'d View,
    pub(crate) scope: Scope<'d>,
    pub(crate) host: &'d dyn Host,
    /// Concrete kinds that the caller may not look at.
    pub(crate) hidden: BTreeSet<Symbol>,
    shapes: BTreeMap<(Vec<usize>, Symbol), Shape<'d>>,
    visited: u64,
    /// Values that are made as they are looked at.
    pub(crate) made: Made,
    told: Option<BTreeSet<ObjectId>>,
}

/// Executes a query; writes the value of `data`.
///
/// Where `members` is given, the objects that the answer shows are put into it.
pub(crate) fn query(
    host: &dyn Host,
    view: &View,
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &JsonMap,
    members: Option<&mut BTreeSet<ObjectId>>,
) -> Result<Vec<u8>, GraphqlError> {
    let scope = Scope { document, variables, schema: view.schema() };
    let mut execution = Execution::over(host, view, scope);
    execution.told = members.is_some().then(BTreeSet::new);
    let mut out = Vec::with_capacity(4 << 10);
    out.push(b'{');
    let mut first = true;
    for merged in scope.merge(&[&operation.selection_set]) {
        write::key(merged.key, &mut first, &mut out);
        execution
            .root(&merged, &mut out)
            .map_err(|error| error.under(merged.key).at(document, merged.fields.first()))?;
    }
    out.push(b'}');
    if let Some(members) = members {
        members.extend(execution.told.into_iter().flatten());
    }
    Ok(out)
}

/// The type that sets select from.
pub(crate) fn type_of<'d>(sets: &[&'d SelectionSet]) -> &'d str {
    sets.first().map_or("", |set| set.ty.as_str())
}

/// What a list is taken from: everything, or the peers of an object.
pub(crate) type Members = Vec<branch::Edge>;

impl<'d> Execution<'d> {
    /// An execution over a state.
    pub(crate) fn over(host: &'d dyn Host, view: &'d View, scope: Scope<'d>) -> Self {
        let hidden = host.hidden(view.schema());
        Self {
            view,
            scope,
            host,
            hidden,
            shapes: BTreeMap::new(),
            visited: 0,
            made: Made::default(),
            told: None,
        }
    }

    /// The concrete kinds of a kind that the caller may look at. A generic is limited to those; where
    /// there are none of them, it is refused by its name.
    fn visible(&self, kind: &Kind) -> Result<Vec<Arc<Kind>>, GraphqlError> {
        let mut kinds: Vec<Arc<Kind>> = self.view.schema().concrete(kind).cloned().collect();
        let all = kinds.len();
        kinds.retain(|kind| self.sees(kind));
        if kinds.is_empty() && all > 0 { Err(self.host.unseen(kind)) } else { Ok(kinds) }
    }

    /// Whether the caller may look at objects of a concrete kind.
    pub(crate) fn sees(&self, kind: &Kind) -> bool {
        !self.hidden.contains(&kind.symbol)
    }

    /// Refuses a kind of which the caller may look at no object.
    pub(crate) fn must_see(&self, kind: &Kind) -> Result<(), GraphqlError> {
        if self.hidden.is_empty() { Ok(()) } else { self.visible(kind).map(|_some| ()) }
    }

    /// How an object is shown, without what the caller may not look at.
    pub(crate) fn label(&self, object: &Object) -> Result<String, GraphqlError> {
        Ok(self.view.display_label(object)?)
    }

    /// An object is shown.
    pub(crate) fn tell(&mut self, id: ObjectId) {
        if let Some(told) = &mut self.told {
            told.insert(id);
        }
    }

    fn root(&mut self, merged: &Merged<'d>, out: &mut Vec<u8>) -> Result<(), GraphqlError> {
        let Some(field) = merged.fields.first().copied() else { return Ok(()) };
        if merged.name() == "__typename" {
            write::text("Query", out);
            return Ok(());
        }
        if let Some(kind) = self.view.schema().kind(merged.name()) {
            let kind = Arc::clone(kind);
            return self.list(&kind, field, &merged.sets(), None, out);
        }
        let arguments = self.scope.arguments(field).into_iter().collect();
        match self.host.answer(self.view, merged.name(), &arguments)? {
            Answer::Json(json) => {
                let of = field.selection_set.ty.as_str();
                project(&self.scope, &merged.sets(), &json, of, out);
            }
            Answer::Object(id) => match self.view.object(id)? {
                Some(object) => node::node(self, merged, &object, out)?,
                None => write::null(out),
            },
        }
        Ok(())
    }

    /// The merged fields of sets for a kind; resolved once per query.
    pub(crate) fn shape(
        &mut self,
        sets: &[&'d SelectionSet],
        kind: &Kind,
        expand: Expand,
    ) -> Shape<'d> {
        let places = sets.iter().map(|set| std::ptr::from_ref(*set).addr()).collect();
        let scope = self.scope;
        Arc::clone(
            self.shapes
                .entry((places, kind.symbol))
                .or_insert_with(|| Arc::new(scope.merge_node(sets, kind, expand))),
        )
    }

    pub(crate) fn visit(&mut self, out: &[u8]) -> Result<(), GraphqlError> {
        self.visited += 1;
        if self.visited.saturating_add(self.made.looked()) > VISITED_MAX {
            return Err(GraphqlError::limit(format!(
                "the query looks at more than {VISITED_MAX} objects; filter on an indexed attribute"
            )));
        }
        if out.len() > ANSWER_BYTES_MAX {
            return Err(GraphqlError::limit(format!(
                "the answer has more than {ANSWER_BYTES_MAX} bytes; ask for pages with `limit`"
            )));
        }
        Ok(())
    }

    /// A paginated list: of a kind, or of an object's peers.
    pub(crate) fn list(
        &mut self,
        kind: &Arc<Kind>,
        field: &'d Field,
        sets: &[&'d SelectionSet],
        members: Option<Members>,
        out: &mut Vec<u8>,
    ) -> Result<(), GraphqlError> {
        let kinds = self.visible(kind)?;
        let arguments = self.scope.arguments(field);
        let filters = Filters::read(self.view, kind, &arguments, &self.hidden)?;
        let wanted = self.scope.merge(sets);
        let wants = |name: &str| wanted.iter().any(|merged| merged.name() == name);
        let counted = wants("count");
        let listed = wants("edges");
        let page = Page::read(&arguments);
        let edges: BTreeMap<ObjectId, branch::Edge> =
            members.iter().flatten().map(|edge| (edge.peer, edge.clone())).collect();
        let order = order::read(self.view, kind, &arguments, &self.hidden)?;
        let asked = Asked { kinds, filters, order, page, counted, listed };
        let found = self.find(&asked, members, out)?;
        out.push(b'{');
        let mut first = true;
        for merged in &wanted {
            write::key(merged.key, &mut first, out);
            match merged.name() {
                "count" => out.extend_from_slice(found.count.to_string().as_bytes()),
                "edges" => {
                    out.push(b'[');
                    for (number, object) in found.objects.iter().enumerate() {
                        if number > 0 {
                            out.push(b',');
                        }
                        node::edge(self, &merged.sets(), object, edges.get(&object.id()), out)?;
                    }
                    out.push(b']');
                }
                "permissions" => permissions::of_list(self, kind, merged, out),
                "__typename" => write::text(type_of(sets), out),
                _ => write::null(out),
            }
        }
        out.push(b'}');
        Ok(())
    }

    fn find(
        &mut self,
        asked: &Asked,
        members: Option<Members>,
        out: &[u8],
    ) -> Result<Found, GraphqlError> {
        let Asked { kinds, filters, order, page, counted, listed } = asked;
        if members.is_none()
            && filters.is_empty()
            && *listed
            && page.limit.is_some()
            && let [only] = kinds.as_slice()
            && let Some(objects) = self.page_by_index(only, order, page)?
        {
            let count = if *counted { self.count(kinds)? } else { 0 };
            return Ok(Found { count, objects });
        }
        if members.is_none() && filters.is_empty() && !listed {
            return Ok(Found { count: self.count(kinds)?, objects: Vec::new() });
        }
        let mut objects = Vec::new();
        match members {
            Some(members) => {
                for edge in members {
                    self.visit(out)?;
                    if let Some(object) = self.view.object(edge.peer)?
                        && self.sees(object.kind())
                        && filters.accept(self.view, &self.made, &object)?
                    {
                        objects.push(object);
                    }
                }
            }
            None => {
                for kind in kinds {
                    self.of_kind(kind, filters, &mut objects, out)?;
                }
            }
        }
        let count = u64::try_from(objects.len()).unwrap_or(u64::MAX);
        order::sort(self.view, &self.made, order, &self.hidden, &mut objects)?;
        let objects = objects.into_iter().skip(page.offset);
        let objects = match page.limit {
            Some(limit) => objects.take(limit).collect(),
            None => objects.collect(),
        };
        Ok(Found { count, objects })
    }

    fn count(&self, kinds: &[Arc<Kind>]) -> Result<u64, GraphqlError> {
        let mut count = 0;
        for kind in kinds {
            count += self.view.count(kind)?;
        }
        Ok(count)
    }

    fn of_kind(
        &mut self,
        kind: &Arc<Kind>,
        filters: &Filters,
        objects: &mut Vec<Object>,
        out: &[u8],
    ) -> Result<(), GraphqlError> {
        match filter::candidates(self.view, kind, filters)? {
            Some(ids) => {
                for id in ids {
                    self.visit(out)?;
                    if let Some(object) = self.view.object_of(kind, id)?
                        && filters.accept(self.view, &self.made, &object)?
                    {
                        objects.push(object);
                    }
                }
            }
            None => {
                for object in self.view.objects(kind)? {
                    self.visit(out)?;
                    let object = object?;
                    if filters.accept(self.view, &self.made, &object)? {
                        objects.push(object);
                    }
                }
            }
        }
        Ok(())
    }

    /// A page straight from an index, without looking at the rest: where the order is that of one
    /// indexed attribute that every object has, or there is none.
    fn page_by_index(
        &mut self,
        kind: &Arc<Kind>,
        order: &[order::By],
        page: &Page,
    ) -> Result<Option<Vec<Object>>, GraphqlError> {
        let limit = page.limit.unwrap_or(usize::MAX);
        match order {
            [] => {
                let objects: Result<Vec<Object>, _> =
                    self.view.objects(kind)?.skip(page.offset).take(limit).collect();
                Ok(Some(objects?))
            }
            [only] => {
                let Some(attribute) = only.attribute(kind) else { return Ok(None) };
                if attribute.optional || !self.view.is_indexed(kind, attribute) {
                    return Ok(None);
                }
                let mut objects = Vec::new();
                let ids = self.view.in_order(kind, attribute, only.descending)?;
                for id in ids.skip(page.offset).take(limit) {
                    if let Some(object) = self.view.object_of(kind, id?)? {
                        objects.push(object);
                    }
                }
                Ok(Some(objects))
            }
            _ => Ok(None),
        }
    }
}

/// What a list asks for.
struct Asked {
    kinds: Vec<Arc<Kind>>,
    filters: Filters,
    order: Vec<order::By>,
    page: Page,
    counted: bool,
    listed: bool,
}

struct Found {
    count: u64,
    objects: Vec<Object>,
}

struct Page {
    offset: usize,
    limit: Option<usize>,
}

impl Page {
    /// A limit of zero, or none, is no limit.
    fn read(arguments: &[(String, serde_json::Value)]) -> Self {
        let number = |wanted: &str| {
            arguments
                .iter()
                .find(|(name, _)| name == wanted)
                .and_then(|(_, value)| value.as_u64())
                .and_then(|number| usize::try_from(number).ok())
        };
        Self {
            offset: number("offset").unwrap_or(0),
            limit: number("limit").filter(|limit| *limit > 0),
        }
    }
}
