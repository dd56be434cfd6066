//! Proofs that need the schema: every index row leads to an object with that value, and every value
//! that should have an index row has one.

use std::collections::BTreeSet;

use model::BranchId;
use store::{Space, key};

use crate::error::BranchError;
use crate::object::Edge;
use crate::view::View;

/// What is wrong between the heads and the indexes of a branch; empty when all is well.
pub(crate) fn indexes(view: &View) -> Result<Vec<String>, BranchError> {
    let mut findings = Vec::new();
    let mut expected = BTreeSet::new();
    let schema = view.schema().clone();
    for kind in schema.by_symbol.values() {
        let line = view.line(kind.branch);
        for object in view.objects(kind)? {
            let object = object?;
            let record = object.record()?;
            for symbol in &view.compiled.indexes.of(kind.symbol).attributes {
                if let Some(attr) = record.attrs.get(symbol)
                    && !attr.value.is_null()
                {
                    let value = key::index_value(&attr.value);
                    expected.insert(key::index(line, kind.symbol, *symbol, &value, object.id()));
                }
            }
            for (symbol, value) in crate::draft::constraint_keys(view, kind, object.id())? {
                expected.insert(key::index(line, kind.symbol, symbol, &value, object.id()));
            }
        }
    }
    for line in [view.branch, BranchId::GLOBAL] {
        let prefix = key::branch(line);
        for row in view.rows.range_unnoted(Space::Index, &prefix, &key::prefix_end(&prefix))? {
            let (key, _) = row?;
            if !expected.remove(&key) {
                findings.push(format!("index row {key:02x?} leads to no such value"));
            }
        }
        for row in view.rows.range_unnoted(Space::Edges, &prefix, &key::prefix_end(&prefix))? {
            let (key, row) = row?;
            let Some(edge) = key::parse_edge(&key) else { continue };
            if Edge::decode(edge.peer, &row)?.is_none() {
                continue;
            }
            for end in [edge.object, edge.peer] {
                // A link that all branches share may lead to what this one does not have: the store
                // has proved that somebody does.
                if line != BranchId::GLOBAL && view.kind_of(end)?.is_none() {
                    findings.push(format!("edge {key:02x?}: {end} is not there"));
                }
            }
        }
    }
    findings.extend(expected.iter().map(|key| format!("index row {key:02x?} is missing")));
    Ok(findings)
}
