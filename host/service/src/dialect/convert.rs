//! Objects that become ones of another kind, in the public dialect.

use branch::{BranchError, Violation};
use graphql::GraphqlError;
use model::schema::{Cardinality, Category, equivalents};
use serde_json::{Map, Value as Json, json};

use crate::convert::mapping_of;
use crate::dialect::{Arguments, DialectHost, told};
use crate::objects::ObjectView;

impl DialectHost<'_> {
    /// `ConvertObjectType`.
    pub(super) fn convert(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let id = data.must("node_id")?;
        let id = id.parse().map_err(|_bad| GraphqlError::not_found("CoreNode", id))?;
        let target = data.must("target_kind")?;
        let mapping = match data.get("fields_mapping") {
            Some(Json::Object(mapping)) => mapping_of(target, mapping).map_err(told)?,
            _ => {
                let message = "`fields_mapping` must be an object of fields of the target";
                return Err(GraphqlError::bad_request(message.to_owned()));
            }
        };
        let author = self.author(arguments.account()?)?;
        let done = self.service.convert(author, |_| Ok(id), target, &mapping).map_err(told)?;
        let view = self.service.view().map_err(told)?;
        let missing = || GraphqlError::not_found(target, &done.converted.id.to_string());
        let object = view.object(done.converted.id)?.ok_or_else(missing)?;
        let shown = ObjectView::of(&view, &object)?;
        let mut node = Map::new();
        for (name, value) in shown.attributes {
            node.insert(name, json!({"value": value}));
        }
        node.insert("__typename".to_owned(), json!(shown.kind));
        node.insert("id".to_owned(), json!(shown.id.to_string()));
        node.insert("hfid".to_owned(), json!(shown.hfid));
        node.insert("display_label".to_owned(), json!(shown.display_label));
        Ok(json!({"ok": true, "node": node}))
    }

    /// `FieldsMappingTypeConversion`: what comes along by itself, and what must be said.
    pub(super) fn fields_mapping(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let view = match arguments.text("branch") {
            Some(branch) => self.service.on(Some(branch), None).and_then(|there| there.view()),
            None => self.service.view(),
        };
        let view = view.map_err(told)?;
        let kind = |argument: &str| {
            let kind = view.kind(arguments.must(argument)?)?.clone();
            if kind.category == Category::Generic {
                let kinds = kind.used_by.clone();
                let violation = Violation::NotConcrete { kind: kind.name.clone(), kinds };
                return Err(GraphqlError::from(BranchError::from(violation)));
            }
            Ok(kind)
        };
        let (source, target) = (kind("source_kind")?, kind("target_kind")?);
        let all = equivalents(&source, &target).into_iter().map(|one| {
            let cardinality = one.cardinality.map(|cardinality| match cardinality {
                Cardinality::One => "one",
                Cardinality::Many => "many",
            });
            let told = json!({
                "is_mandatory": one.is_mandatory, "source_field_name": one.source,
                "relationship_cardinality": cardinality,
            });
            (one.name, told)
        });
        Ok(json!({"mapping": all.collect::<Map<String, Json>>()}))
    }
}
