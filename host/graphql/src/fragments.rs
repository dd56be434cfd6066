//! Queries that use fragments of other files: what they need is put after them.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{Definition, Document, Selection};

/// The fragments of some files, by name.
#[derive(Debug, Default)]
pub struct Fragments {
    known: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Fragments {
    /// Reads one more file of fragments. What is wrong comes back as text.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), String> {
        let document = Document::parse(text, file).map_err(|bad| bad.errors.to_string())?;
        for definition in &document.definitions {
            let Definition::FragmentDefinition(fragment) = definition else {
                return Err("a file of fragments holds fragments alone".to_owned());
            };
            let mut used = BTreeSet::new();
            spreads(&fragment.selection_set, &mut used);
            let name = fragment.name.to_string();
            let entry = (fragment.to_string(), used);
            if self.known.insert(name.clone(), entry).is_some() {
                return Err(format!("the fragment `{name}` is there twice"));
            }
        }
        Ok(())
    }

    /// The query with the fragments it uses and does not define; fragments may use fragments.
    pub fn complete(&self, text: &str) -> Result<String, String> {
        if self.known.is_empty() {
            return Ok(text.to_owned());
        }
        let document =
            Document::parse(text, "query.graphql").map_err(|bad| bad.errors.to_string())?;
        let (mut own, mut next) = (BTreeSet::new(), BTreeSet::new());
        for definition in &document.definitions {
            match definition {
                Definition::FragmentDefinition(fragment) => {
                    own.insert(fragment.name.to_string());
                    spreads(&fragment.selection_set, &mut next);
                }
                Definition::OperationDefinition(operation) => {
                    spreads(&operation.selection_set, &mut next);
                }
                _ => {}
            }
        }
        let mut whole = text.trim_end().to_owned();
        while let Some(name) = next.pop_first() {
            if !own.insert(name.clone()) {
                continue;
            }
            // One that is nowhere is told when the query is held against the schema.
            if let Some((text, used)) = self.known.get(&name) {
                whole.push_str("\n\n");
                whole.push_str(text.trim_end());
                next.extend(used.iter().cloned());
            }
        }
        whole.push('\n');
        Ok(whole)
    }
}

fn spreads(selections: &[Selection], found: &mut BTreeSet<String>) {
    for selection in selections {
        match selection {
            Selection::Field(field) => spreads(&field.selection_set, found),
            Selection::InlineFragment(fragment) => spreads(&fragment.selection_set, found),
            Selection::FragmentSpread(spread) => {
                found.insert(spread.fragment_name.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fragments;

    #[test]
    fn a_query_gets_the_fragments_it_uses_and_no_others() {
        let mut fragments = Fragments::default();
        fragments.add("a.gql", "fragment A on T { x { ...B } } fragment C on T { y }").unwrap();
        fragments.add("b.gql", "fragment B on U { id ...A }").unwrap();
        let whole = fragments.complete("{ T { ...A ...D } } fragment D on T { id }").unwrap();
        assert!(whole.contains("fragment A on T") && whole.contains("fragment B on U"), "{whole}");
        assert!(!whole.contains("fragment C"), "{whole}");
        assert_eq!(whole.matches("fragment D").count(), 1);
        assert_eq!(fragments.complete("{ T { id } }").unwrap(), "{ T { id } }\n");
        assert!(fragments.add("c.gql", "fragment A on T { id }").unwrap_err().contains("twice"));
        assert!(fragments.add("d.gql", "{ T { id } }").unwrap_err().contains("alone"));
        assert!(fragments.add("e.gql", "fragment").is_err());
        assert!(fragments.complete("{").is_err());
    }
}
