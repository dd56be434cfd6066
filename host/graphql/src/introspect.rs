//! Questions about the types themselves, answered as far as they cost no more than an answer may.

use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema as Types, introspection};

use crate::error::GraphqlError;
use crate::limits::INTROSPECTED_MAX;

/// Answers a question about types: the value of `data`.
pub(crate) fn introspect(
    types: &Valid<Types>,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    variables: &Valid<JsonMap>,
) -> Result<Vec<u8>, Vec<GraphqlError>> {
    introspection::check_max_depth(document, operation)
        .map_err(|bad| vec![GraphqlError::limit(bad.message().to_string())])?;
    let sizes = Sizes::of(types);
    let values = sizes.values(document, &operation.selection_set, (1, Place::Some), 0);
    if values > INTROSPECTED_MAX {
        let message = format!(
            "about {values} values of types are asked for, {INTROSPECTED_MAX} are allowed; ask for \
             some by `__type(name: ..)`"
        );
        return Err(vec![GraphqlError::limit(message)]);
    }
    let implementers = types.implementers_map();
    introspection::partial_execute(types, &implementers, document, operation, variables)
        .map(|response| {
            let data = response.data.map(|data| serde_json::to_vec(&data).unwrap_or_default());
            data.unwrap_or_else(|| b"null".to_vec())
        })
        .map_err(|bad| vec![GraphqlError::bad_request(bad.message().to_string())])
}

/// How many of something there are.
#[derive(Debug, Default)]
struct Sizes {
    types: u64,
    /// Fields of all types, and of the widest.
    fields: [u64; 2],
    /// Arguments of all fields, and of those of one type at most.
    arguments: [u64; 2],
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Each of all types.
    Every,
    /// Each field of all types.
    EveryField,
    /// Some types, or what else there is.
    Some,
    /// The fields of some types.
    FieldsOf(u64),
}

impl Sizes {
    fn of(types: &Types) -> Self {
        let mut sizes = Self::default();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        for of in types.types.values() {
            let fields = match of {
                ExtendedType::Object(of) => Some(&of.fields),
                ExtendedType::Interface(of) => Some(&of.fields),
                _ => None,
            };
            let arguments = fields.map_or(0, |fields| {
                fields.values().map(|field| number(field.arguments.len())).sum::<u64>()
            });
            let fields = match of {
                ExtendedType::InputObject(of) => number(of.fields.len()),
                ExtendedType::Enum(of) => number(of.values.len()),
                _ => fields.map_or(0, |fields| number(fields.len())),
            };
            sizes.types += 1;
            sizes.fields = [sizes.fields[0] + fields, sizes.fields[1].max(fields)];
            sizes.arguments = [sizes.arguments[0] + arguments, sizes.arguments[1].max(arguments)];
        }
        sizes
    }

    /// How many parts some types have: the widest where they are few, as the roots are asked for alone.
    fn parts(&self, [all, widest]: [u64; 2], types: u64) -> u64 {
        const FEW: u64 = 4;
        let each = if types <= FEW { widest } else { all / self.types.max(1) + 1 };
        types.saturating_mul(each)
    }

    /// About how many values a selection asks for. What wraps a type is rarely wrapped twice.
    fn values(
        &self,
        document: &ExecutableDocument,
        set: &SelectionSet,
        (times, place): (u64, Place),
        wrapped: usize,
    ) -> u64 {
        let mut values = 0_u64;
        for selection in &set.selections {
            let more = match selection {
                Selection::InlineFragment(fragment) => {
                    self.values(document, &fragment.selection_set, (times, place), wrapped)
                }
                Selection::FragmentSpread(spread) => match spread.fragment_def(document) {
                    Some(fragment) => {
                        self.values(document, &fragment.selection_set, (times, place), wrapped)
                    }
                    None => 0,
                },
                Selection::Field(field) => {
                    let wrapped = if field.name == "ofType" { wrapped + 1 } else { 0 };
                    if wrapped > 2 {
                        continue;
                    }
                    let within = self.within(&field.name, times, place);
                    let inner = self.values(document, &field.selection_set, within, wrapped);
                    inner.saturating_add(times)
                }
            };
            values = values.saturating_add(more);
        }
        values
    }

    /// What a field leads to, and how often.
    fn within(&self, field: &str, times: u64, place: Place) -> (u64, Place) {
        match (field, place) {
            ("types", _) => (self.types, Place::Every),
            ("fields" | "inputFields" | "enumValues", Place::Every) => {
                (self.fields[0], Place::EveryField)
            }
            ("args", Place::EveryField) => (self.arguments[0], Place::Some),
            ("fields" | "inputFields" | "enumValues", _) => {
                (self.parts(self.fields, times), Place::FieldsOf(times))
            }
            ("args", Place::FieldsOf(types)) => (self.parts(self.arguments, types), Place::Some),
            // All kinds together have about as many interfaces as there are types.
            ("possibleTypes" | "interfaces", _) => (times.saturating_add(self.types), Place::Some),
            _ => (times, Place::Some),
        }
    }
}
